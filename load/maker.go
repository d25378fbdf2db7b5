// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math/bits"
	"slices"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// maker makes the requests of one worker where they are not all the same. What
// it makes is a function of the seed, the worker's number and the requests
// before; only {{time}} is not.
type maker struct {
	kinds  []makerKind
	codec  wire.Codec
	random uint64 // state of splitmix64
	step   uint64 // workers that share the numbers of requests
	wall   int64  // ns from the clock to Unix time
	values [maxFields]uint64
}

// makerKind is a kind with the state of its worker.
type makerKind struct {
	*kind
	below  uint64  // random 32-bit numbers below this choose it or a kind before it
	seq    uint64  // number of the next request
	turn   int     // index of the next frame
	shapes []shape // of a template, by its fields' lengths; made when first needed
}

// newMaker returns the maker of a worker. Worker i of n makes the requests
// i+1, i+1+n, … of each kind.
func newMaker(s *settings, number int) *maker {
	m := &maker{
		codec: s.codec, step: uint64(s.options.Threads), wall: s.wall,
		random: s.options.Seed ^ (uint64(number)+1)*0xd1342543de82ef95,
	}
	sum := 0.0
	for i := range s.mix {
		k := &s.mix[i]
		sum += k.share
		mk := makerKind{kind: k, below: uint64(sum * (1 << 32)), seq: uint64(number) + 1}
		if k.template != nil {
			mk.shapes = make([]shape, k.template.shapes())
		} else {
			mk.turn = number % len(k.frames)
		}
		m.kinds = append(m.kinds, mk)
	}
	m.kinds[len(m.kinds)-1].below = 1 << 32 // whatever the sum was rounded to
	return m
}

// draw is the next random number: splitmix64 (Steele, Lea, Flood 2014).
//
//go:nosplit
func (m *maker) draw() uint64 {
	m.random += 0x9e3779b97f4a7c15
	z := m.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// choose is the index of the next request's kind.
//
//go:nosplit
func (m *maker) choose() int {
	if len(m.kinds) == 1 {
		return 0
	}
	r := m.draw() >> 32
	i := 0
	for r >= m.kinds[i].below {
		i++
	}
	return i
}

// put writes the next request of kind k behind out, at the stamp now.
//
//go:nosplit
func (m *maker) put(out []byte, k *makerKind, now int64) []byte {
	if k.template == nil {
		frame := k.frames[k.turn]
		k.turn = (k.turn + int(m.step)) % len(k.frames)
		out = reserve(out, len(frame))
		copy(out[len(out)-len(frame):], frame)
		return out
	}
	return m.render(out, k, now)
}

// render writes the next request of a template. It checks the stack, unlike what
// calls it (see quiet.go): there is no room for all that it needs.
//
//go:noinline
func (m *maker) render(out []byte, k *makerKind, now int64) []byte {
	s := m.shape(k)
	out = reserve(out, len(s.frame))
	frame := out[len(out)-len(s.frame):]
	copy(frame, s.frame)
	for i := range k.template.fields {
		m.write(&k.template.fields[i], frame[s.at[i]:], m.values[i], now)
	}
	k.seq += m.step
	return out
}

// shape draws the numbers of k's next request and returns the shape that they
// fit in.
func (m *maker) shape(k *makerKind) *shape {
	index := 0
	if k.template.numbered {
		index = digits(k.seq) - 1
	}
	for i := range k.template.fields {
		f := &k.template.fields[i]
		switch f.kind {
		case fieldSeq:
			m.values[i] = k.seq
		case fieldInt:
			v := m.draw()
			if f.span != 0 {
				v, _ = bits.Mul64(v, f.span)
			}
			m.values[i] = uint64(f.low) + v
			index = index*f.widths + intWidth(int64(m.values[i])) - f.shortest
		}
	}
	s := &k.shapes[index]
	if s.frame == nil {
		m.form(k, s)
	}
	return s
}

// form makes the shape that m.values fit in. It is kept: a template has few.
//
//go:noinline
func (m *maker) form(k *makerKind, s *shape) {
	made, err := k.template.shape(k.request, m.codec, func(i int) int {
		f := &k.template.fields[i]
		switch f.kind {
		case fieldSeq:
			return digits(m.values[i])
		case fieldInt:
			return intWidth(int64(m.values[i]))
		}
		return f.shortest
	})
	if err != nil {
		// template.check has made shapes of this template for this codec.
		panic("a template that was checked can't be encoded: " + err.Error())
	}
	*s = made
}

// write writes one field at the head of to.
func (m *maker) write(f *field, to []byte, v uint64, now int64) {
	switch f.kind {
	case fieldSeq:
		writeDigits(to, v, digits(v))
	case fieldTime:
		writeDigits(to, uint64((now+m.wall)/f.unit), f.shortest)
	case fieldInt:
		if int64(v) < 0 {
			to[0] = '-'
			to, v = to[1:], -v
		}
		writeDigits(to, v, digits(v))
	case fieldString:
		m.writeString(to[:f.shortest])
	case fieldUUID:
		m.writeUUID(to)
	}
}

// writeDigits writes v with n decimal digits.
func writeDigits(to []byte, v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		to[i] = byte('0' + v%10)
		v /= 10
	}
}

// letters are what random strings are made of: safe in JSON, in a word of a
// command and in a path.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func (m *maker) writeString(to []byte) {
	var r uint64
	for i := range to {
		if i%10 == 0 {
			r = m.draw()
		}
		to[i] = letters[r&63]
		r >>= 6
	}
}

// writeUUID writes 122 random bits, the version 4 and the variant of RFC 9562.
func (m *maker) writeUUID(to []byte) {
	const hex = "0123456789abcdef"
	r := m.draw()&^0xf000 | 0x4000
	for i := range 36 {
		switch i {
		case 8, 13, 18, 23:
			to[i] = '-'
			if i == 18 {
				r = m.draw()&^(3<<62) | 2<<62
			}
			continue
		}
		to[i] = hex[r>>60]
		r = r<<4 | r>>60
	}
}

// reserve makes out longer by n bytes.
//
//go:nosplit
func reserve(out []byte, n int) []byte {
	if cap(out)-len(out) < n {
		out = lengthen(out, n)
	}
	return out[:len(out)+n]
}

// lengthen gives out room for n bytes more. A connection's buffer does so until
// it holds what is unsent at once.
//
//go:noinline
func lengthen(out []byte, n int) []byte { return slices.Grow(out, n) }
