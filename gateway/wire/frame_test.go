// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"testing"
)

// framings are used by the table and as seeds.
var framings = [...]string{
	"", "size=1", "size=2,order=little", "size=4,counts=all", "size=8,order=little,offset=3,header=16,counts=rest",
	"size=4,header=6,counts=all,fill=000000000100,type=5", "size=2,offset=1,counts=all,max=100", "size=8,max=1073741824",
}

func frameCodec(tb testing.TB, description string) Codec {
	tb.Helper()
	c, err := Parse("frame:" + description)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestFrameEncodes(t *testing.T) {
	for _, c := range []struct{ description, want string }{
		{"", "\x00\x00\x00\x02{}"},
		{"size=1", "\x02{}"},
		{"size=2,order=little", "\x02\x00{}"},
		{"size=4,counts=all", "\x00\x00\x00\x06{}"},
		{"size=8,order=little,offset=1,header=11,counts=rest", "\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00{}"},
		{"size=2,offset=1,header=4,fill=aaFFFFbb", "\xaa\x00\x02\xbb{}"},
		{"size=4,header=6,counts=all,fill=000000000100,type=5", ipcFrameOf(7, "{}")},
	} {
		got := frameCodec(t, c.description).Encode(nil, Request{Type: 7, Payload: []byte("{}")})
		if string(got) != c.want {
			t.Errorf("%s: got %x, want %x", c.description, got, c.want)
		}
	}
}

func TestFrameReadsWhatItEncodes(t *testing.T) {
	for _, d := range framings {
		c := frameCodec(t, d)
		for _, size := range []int{0, 1, 5, 90, 255, 4096, 70000} {
			r := Request{Payload: []byte(strings.Repeat("x", size))}
			if c.Check(r) != nil {
				continue
			}
			one := c.Encode(nil, r)
			got := sameInAnyDivision(t, c, append(one, one...))
			want := outcome{bytes: len(one), ok: true}
			if fmt.Sprint(got) != fmt.Sprint([]outcome{want, want}) {
				t.Errorf("%s, %d bytes: got %+v, want %+v twice", d, size, got, want)
			}
		}
	}
}

func TestFrameChecksTheRoom(t *testing.T) {
	for _, c := range []struct {
		description string
		most        int
	}{
		{"size=1", 255},
		{"size=1,counts=all", 254},
		{"size=1,counts=rest,header=3", 253},
		{"size=2,counts=all,max=100", 98},
		{"size=8", 4<<20 - 8},
	} {
		codec := frameCodec(t, c.description)
		if err := codec.Check(Request{Payload: make([]byte, c.most)}); err != nil {
			t.Errorf("%s: %d bytes: %v", c.description, c.most, err)
		}
		if err := codec.Check(Request{Payload: make([]byte, c.most+1)}); err == nil {
			t.Errorf("%s: %d bytes are accepted", c.description, c.most+1)
		}
	}
}

func TestFrameRefusesImpossibleLengths(t *testing.T) {
	for description, data := range map[string]string{
		"":                              "\xff\xff\xff\xff",
		"size=8":                        "\xff\xff\xff\xff\xff\xff\xff\xff",
		"size=8,counts=rest,offset=200": strings.Repeat("\xff", 208),
		"counts=all":                    "\x00\x00\x00\x03",
		"counts=rest,header=6":          "\x00\x00\x00\x01",
		"max=10":                        "\x00\x00\x00\x07",
	} {
		if _, _, err := read(t, frameCodec(t, description), []byte(data), HeadMax); err == nil {
			t.Errorf("%s: no error for %x", description, data)
		}
	}
}

func TestFrameDescriptionsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ description, want string }{
		{"size=3", "size is 3: say 1, 2, 4 or 8"},
		{"size=x", `size is "x"`},
		{"size", `size is ""`},
		{"order=middle", `order is "middle": say big or little`},
		{"counts=none", `counts is "none"`},
		{"offset=-1", `offset is "-1"`},
		{"header=3", "the length field ends at byte 4, outside the header of 3 bytes"},
		{"header=300", `header is "300"`},
		{"fill=00", "fill=00 is not 4 bytes in hexadecimal"},
		{"fill=zz000000", "is not 4 bytes"},
		{"type=0", "type=0 is not a byte of the header"},
		{"type=4", "type=4 is not a byte of the header"},
		{"max=2", "max=2 is below the header's 4 bytes"},
		{"max=2000000000", `max is "2000000000"`},
		{"colour=red", "colour is not known"},
	} {
		if _, err := Parse("frame:" + c.description); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.description, err, c.want)
		}
	}
}

func TestFrameAllocatesNothing(t *testing.T) {
	c := frameCodec(t, "size=2,offset=1")
	r := Request{Payload: []byte("{}")}
	testAllocs(t, c, c.Encode(nil, r), r)
}

func FuzzFrame(f *testing.F) {
	for i := range framings {
		f.Add(uint8(i), []byte("\x00\x00\x00\x02{}\x02\x00"))
		f.Add(uint8(i), []byte("\x00\x00\x20\x02"+strings.Repeat("x", 9000)))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		c := frameCodec(t, framings[int(which)%len(framings)])
		sameInAnyDivision(t, c, data)
		explain(t, c, data)
	})
}

func FuzzFrameDescription(f *testing.F) {
	for _, d := range framings {
		f.Add(d, []byte("{}"))
	}
	f.Fuzz(func(t *testing.T, description string, payload []byte) {
		c, err := Parse("frame:" + description)
		if err != nil {
			return
		}
		r := Request{Type: 1, Payload: payload}
		if c.Check(r) != nil {
			return
		}
		b := c.Encode(nil, r)
		got, rest, err := read(t, c, b, HeadMax)
		if err != nil || rest != 0 || len(got) != 1 || got[0].bytes != len(b) {
			t.Fatalf("%s: %d bytes are read as %+v, %d left, %v", description, len(b), got, rest, err)
		}
	})
}
