package tape

import (
	"hash/maphash"
	"unsafe"
)

// dictionary numbers the strings of a frame, in the order in which they come. A record looks up some thirty of them, nearly
// always in vain or with success at the first slot; and the next frame begins with an empty one at no cost. For both a map is
// several times slower. The seed keeps senders of header lines from choosing those that collide.
type dictionary struct {
	seed    maphash.Seed
	slots   []slot // a power of two; half of them are free at least
	frame   uint32 // whose slots count; the others are free
	strings []string
	near    [nearMax]uint16 // numbers by the addresses of strings, see nearOf
}

// slot is where the hash of a string leads, or one of those behind it.
type slot struct{ frame, hash, number uint32 }

const slotsMin = 512

func newDictionary() dictionary {
	return dictionary{seed: maphash.MakeSeed(), slots: make([]slot, slotsMin), frame: 1}
}

// reset forgets all strings.
func (d *dictionary) reset() {
	clear(d.strings) // they can go
	d.strings = d.strings[:0]
	if d.frame++; d.frame == 0 {
		clear(d.slots)
		d.frame = 1
	}
}

// number returns the number of a string. One that is new has none, and gets the next one when it is short, and there are not
// too many.
func (d *dictionary) number(s string) (n uint64, known bool) {
	if len(s) > tableString {
		return 0, false
	}
	near := &d.near[nearOf(s)]
	if at := int(*near); at < len(d.strings) && d.strings[at] == s {
		return uint64(at), true
	}
	hash := uint32(maphash.String(d.seed, s))
	i := d.find(hash, s)
	if d.slots[i].frame == d.frame {
		*near = uint16(d.slots[i].number)
		return uint64(d.slots[i].number), true
	}
	if len(d.strings) == tableMax {
		return 0, false
	}
	*near = uint16(len(d.strings))
	d.slots[i] = slot{d.frame, hash, uint32(len(d.strings))}
	if d.strings = append(d.strings, s); 2*len(d.strings) > len(d.slots) {
		d.grow()
	}
	return 0, false
}

// Most strings are the very ones that came before, not only equal to them: names of methods, of header lines, and all of a
// line that a capture has seen already. So their addresses lead to a number that may be theirs, without a look at the text; the
// string of that number is compared, which of the same string takes no time.
const (
	nearBits = 9
	nearMax  = 1 << nearBits
)

// nearOf spreads addresses by Fibonacci hashing.
func nearOf(s string) uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.StringData(s)))) * 0x9e3779b97f4a7c15 >> (64 - nearBits)
}

// find returns the slot of a string, or the free one that it is to have.
func (d *dictionary) find(hash uint32, s string) uint32 {
	mask := uint32(len(d.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		at := &d.slots[i]
		if at.frame != d.frame || at.hash == hash && d.strings[at.number] == s {
			return i
		}
	}
}

// grow doubles the slots.
func (d *dictionary) grow() {
	old := d.slots
	d.slots = make([]slot, 2*len(old))
	mask := uint32(len(d.slots) - 1)
	for _, one := range old {
		if one.frame != d.frame {
			continue
		}
		i := one.hash & mask
		for d.slots[i].frame == d.frame {
			i = (i + 1) & mask
		}
		d.slots[i] = one
	}
}
