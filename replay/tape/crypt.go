package tape

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// sealer encrypts the frames of one file with AES-256-GCM. The key is made for the file by the one
// Writer that ever writes to it, and wrapped for age recipients. The nonce is where the frame starts
// and which part of it is meant: a file is only appended to, and nothing opens one to write on, so no
// nonce comes twice under a key. It also ties a frame to its place.
type sealer struct{ gcm cipher.AEAD }

// part tells the two sealed parts of a frame apart.
type part uint32

const (
	partSet     part = 0
	partPayload part = 1
)

const (
	dataKeySize = 32
	tagSize     = 16
	wrappedMax  = 1 << 16 // an age header: about 100 bytes per recipient, some thousands for post-quantum ones
)

// newSealer makes a key and returns it wrapped, as the payload of a key frame.
func newSealer(recipients []age.Recipient) (*sealer, []byte, error) {
	key := make([]byte, dataKeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	var wrapped bytes.Buffer
	w, err := age.Encrypt(&wrapped, recipients...)
	if err != nil {
		return nil, nil, fmt.Errorf("wrap the key: %w", err)
	}
	if _, err := w.Write(key); err != nil {
		return nil, nil, fmt.Errorf("wrap the key: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, nil, fmt.Errorf("wrap the key: %w", err)
	}
	if wrapped.Len() > wrappedMax {
		return nil, nil, fmt.Errorf("wrap the key: %d bytes exceed the limit of %d: give fewer recipients", wrapped.Len(), wrappedMax)
	}
	s, err := sealerOf(key)
	return s, wrapped.Bytes(), err
}

// unwrap opens the payload of a key frame.
func unwrap(wrapped []byte, identities []age.Identity) (*sealer, error) {
	r, err := age.Decrypt(bytes.NewReader(wrapped), identities...)
	if err != nil {
		return nil, err
	}
	key, err := io.ReadAll(io.LimitReader(r, dataKeySize+1))
	if err != nil {
		return nil, err
	}
	if len(key) != dataKeySize {
		return nil, fmt.Errorf("the key has not the %d bytes that it should have", dataKeySize)
	}
	return sealerOf(key)
}

func sealerOf(key []byte) (*sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &sealer{gcm}, nil
}

// seal encrypts b[from:] in place and returns b, longer by tagSize.
func (s *sealer) seal(b []byte, from int, h header, at int64, p part) []byte {
	nonce := nonceOf(at, p)
	return s.gcm.Seal(b[:from], nonce[:], b[from:], bound(h))
}

var errForged = errors.New("decrypt: the bytes are not what was written")

// open decrypts b in place.
func (s *sealer) open(b []byte, h header, at int64, p part) ([]byte, error) {
	nonce := nonceOf(at, p)
	plain, err := s.gcm.Open(b[:0], nonce[:], b, bound(h))
	if err != nil {
		return nil, errForged
	}
	return plain, nil
}

func nonceOf(at int64, p part) (nonce [12]byte) {
	binary.LittleEndian.PutUint64(nonce[:], uint64(at))
	binary.LittleEndian.PutUint32(nonce[8:], uint32(p))
	return nonce
}

// bound is what of a header is authenticated with the frame: all that is known before it is sealed.
func bound(h header) []byte {
	h.set, h.stored, h.crc = 0, 0, 0
	return h.append(make([]byte, 0, headerSize))
}

// ErrLocked is the error of reading exchanges from an encrypted tape without an identity.
var ErrLocked = errors.New("it is encrypted: give the age identity of one of its recipients")
