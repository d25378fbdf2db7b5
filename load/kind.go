// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"fmt"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"github.com/ipcprobe/ipcprobe/results"
)

// kind is one kind of request, ready to be sent: frames that are sent in turn,
// or a template.
type kind struct {
	name     string
	share    float64 // of the requests, 1 for all
	request  uint8   // message type
	bytes    int     // of a payload, in the mean; of a template with its longest fields
	frames   [][]byte
	template *template
}

// kinds makes all requests of o.
func (o *Options) kinds(codec wire.Codec) ([]kind, error) {
	list, err := o.parts()
	if err != nil {
		return nil, err
	}
	var out []kind
	for i := range list {
		k, err := list[i].compile(codec)
		if err != nil {
			return nil, o.blame(&list[i], err)
		}
		out = append(out, k)
	}
	return out, nil
}

// checkKinds says what is wrong with the requests of o, as far as that can be
// said without reading a file.
func (o *Options) checkKinds(codec wire.Codec) error {
	list, err := o.parts()
	if err != nil {
		return err
	}
	for i := range list {
		if err := list[i].check(codec); err != nil {
			return o.blame(&list[i], err)
		}
	}
	return nil
}

// blame names the flag, and the kind, that err is about.
func (o *Options) blame(p *part, err error) error {
	if o.Mix == "" {
		return fmt.Errorf("--payload: %w", err)
	}
	return fmt.Errorf("--mix: %s: %w", p.name, err)
}

// PayloadSize is the size (bytes) of a request's body, framing not counted: the
// mean, where they differ.
func (o *Options) PayloadSize() (int, error) {
	list, err := o.describe()
	if err != nil {
		return 0, err
	}
	mean := 0.0
	for i := range list {
		mean += list[i].SharePct / 100 * float64(list[i].PayloadBytes)
	}
	return int(mean + 0.5), nil
}

// Kinds names the kinds of a mix, in the order of results.Request.Kind, without
// any figure; nil when there is one kind.
func (o *Options) Kinds() ([]results.KindLoad, error) {
	list, err := o.describe()
	if err != nil || len(list) < 2 {
		return nil, err
	}
	return list, nil
}

func (o *Options) describe() ([]results.KindLoad, error) {
	codec, err := wire.Parse(o.Protocol)
	if err != nil {
		return nil, err
	}
	kinds, err := o.kinds(codec)
	if err != nil {
		return nil, err
	}
	list := make([]results.KindLoad, len(kinds))
	for i := range kinds {
		list[i] = results.KindLoad{Name: kinds[i].name, SharePct: 100 * kinds[i].share, PayloadBytes: kinds[i].bytes}
	}
	return list, nil
}

// uniform: all requests are the same bytes.
func uniform(kinds []kind) bool {
	return len(kinds) == 1 && len(kinds[0].frames) == 1
}

// firstFrame is the request that the server is tried with: the first of the
// first kind, with the number 0 where it is numbered.
func firstFrame(s *settings) []byte {
	m := newMaker(s, 0)
	k := &m.kinds[0]
	k.seq = 0
	return m.put(nil, k, s.clock.now())
}

// kindTally is what a worker counts of one kind in one slice.
type kindTally struct {
	counts   results.Counts
	response tally
	trip     tally
}

// appendKinds appends what one worker counted of each kind in a slice.
func appendKinds(dst []byte, slice int, kinds []kindTally) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(slice))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(kinds)))
	for i := range kinds {
		k := &kinds[i]
		c := &k.counts
		for _, n := range [...]int64{c.Sent, c.OK, c.Error, c.Timeout, c.Broken, c.Censored} {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
		}
		dst = appendTally(dst, &k.response)
		dst = appendTally(dst, &k.trip)
	}
	return dst
}

// readKinds reads what appendKinds wrote.
func readKinds(src []byte) (slice int, kinds []results.KindCounts, err error) {
	const head, counts = 12, 6 * 8
	if len(src) < head {
		return 0, nil, fmt.Errorf("read kinds: %d bytes are too few", len(src))
	}
	slice = int(int64(binary.LittleEndian.Uint64(src)))
	n := binary.LittleEndian.Uint32(src[8:])
	src = src[head:]
	if n > MaxKinds {
		return 0, nil, fmt.Errorf("read kinds: %d are too many", n)
	}
	for range n {
		if len(src) < counts {
			return 0, nil, fmt.Errorf("read kinds: %d bytes are too few", len(src))
		}
		var k results.KindCounts
		for i, to := range []*int64{&k.Counts.Sent, &k.Counts.OK, &k.Counts.Error,
			&k.Counts.Timeout, &k.Counts.Broken, &k.Counts.Censored} {
			*to = int64(binary.LittleEndian.Uint64(src[8*i:]))
		}
		src = src[counts:]
		if k.ResponseTime, src, err = readDurations(src); err != nil {
			return 0, nil, err
		}
		if k.RoundTrip, src, err = readDurations(src); err != nil {
			return 0, nil, err
		}
		kinds = append(kinds, k)
	}
	if len(src) != 0 {
		return 0, nil, fmt.Errorf("read kinds: %d bytes too many", len(src))
	}
	return slice, kinds, nil
}

// shipKinds writes what a worker counted of each kind, and gives the counts
// back to it empty.
func (e *engine) shipKinds(r *report) {
	if len(r.kinds) == 0 {
		return
	}
	e.out.kinds(r.slice.Index, r.kinds)
	clear(r.kinds)
	e.mails[r.worker].emptyKinds <- r.kinds
}

// takeKinds adds what a worker counted of each kind to its slice.
func (g *Generator) takeKinds(body []byte) error {
	slice, kinds, err := readKinds(body)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	store := g.slices[slice]
	if store == nil {
		return nil
	}
	if store.slice.Kinds == nil {
		store.slice.Kinds = make([]results.KindCounts, len(kinds))
	}
	for i := range min(len(kinds), len(store.slice.Kinds)) {
		store.slice.Kinds[i].Merge(&kinds[i])
	}
	return nil
}
