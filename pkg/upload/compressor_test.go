package upload

import (
	"bytes"
	stdgzip "compress/gzip"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// text looks like source code: it shrinks to about a quarter.
func text(length int) []byte {
	words := strings.Fields("func return if err != nil { } package import string int for range := context type struct error case switch")
	random := rand.New(rand.NewPCG(1, 2))
	var out bytes.Buffer
	for out.Len() < length {
		out.WriteString(words[random.IntN(len(words))])
		out.WriteByte(" \n\t"[random.IntN(3)])
	}
	return out.Bytes()[:length]
}

// noise does not shrink.
func noise(length int) []byte {
	random := rand.NewChaCha8([32]byte{1})
	out := make([]byte, length)
	_, _ = random.Read(out)
	return out
}

func compressed(t testing.TB, c *compressor, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := c.Compress(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func decompress(c *compressor, data []byte) ([]byte, error) {
	r, err := c.Decompress(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(r)
	if closer, ok := r.(io.Closer); ok {
		_ = closer.Close()
	}
	return out, err
}

// Kept writers and readers must not mix up what several calls send at once, and the daemon reads
// with the standard library.
func TestCompressorInParallel(t *testing.T) {
	c := newCompressor()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for _, data := range [][]byte{{}, []byte("a"), text(100 + i), text(32<<10 + i), noise(5000 + i)} {
				sent := compressed(t, c, data)
				if got, err := decompress(c, sent); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes came back as %d: %v", len(data), len(got), err)
				}
				standard, err := stdgzip.NewReader(bytes.NewReader(sent))
				if err != nil {
					t.Error(err)
					continue
				}
				if got, err := io.ReadAll(standard); err != nil || !bytes.Equal(got, data) {
					t.Errorf("the standard library reads %d bytes as %d: %v", len(data), len(got), err)
				}
			}
		})
	}
	all.Wait()
}

func TestCompressorShrinks(t *testing.T) {
	if data := text(32 << 10); len(compressed(t, newCompressor(), data)) > len(data)/3 {
		t.Error("text stays larger than a third")
	}
}

// What a hostile daemon sends must neither panic nor spoil the reader for the next message.
func FuzzDecompress(f *testing.F) {
	c := newCompressor()
	good := compressed(f, c, text(1000))
	f.Add([]byte{})
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = decompress(c, data)
		if got, err := decompress(c, good); err != nil || !bytes.Equal(got, text(1000)) {
			t.Fatalf("the next message is broken: %v", err)
		}
	})
}

// BenchmarkCompressor is what a message of a file costs: compressed, or looked at and sent plain.
func BenchmarkCompressor(b *testing.B) {
	for name, data := range map[string][]byte{"text": text(32 << 10), "noise": noise(32 << 10)} {
		b.Run(name, func(b *testing.B) {
			c := newCompressor()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				w, err := c.Compress(io.Discard)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = w.Write(data)
				_ = w.Close()
			}
		})
		b.Run("looking at "+name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				compressible(data)
			}
		})
	}
}
