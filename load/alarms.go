// SPDX-License-Identifier: Apache-2.0

package load

// alarm is a connection's think time that ends at a stamp.
type alarm struct {
	at   int64
	slot uint32
	life uint32
}

// alarms is a heap of them, earliest first, of fixed size.
type alarms struct{ list []alarm }

func (h *alarms) push(a alarm) {
	h.list = append(h.list, a)
	i := len(h.list) - 1
	for i > 0 && h.list[(i-1)/2].at > a.at {
		h.list[i] = h.list[(i-1)/2]
		i = (i - 1) / 2
	}
	h.list[i] = a
}

func (h *alarms) pop() alarm {
	top := h.list[0]
	last := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h.list) {
			break
		}
		if child+1 < len(h.list) && h.list[child+1].at < h.list[child].at {
			child++
		}
		if h.list[child].at >= last.at {
			break
		}
		h.list[i] = h.list[child]
		i = child
	}
	if len(h.list) > 0 {
		h.list[i] = last
	}
	return top
}
