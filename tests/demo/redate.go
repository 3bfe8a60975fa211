package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

const timeNanos = 9 // the field of profile.proto

// redate gives a gzipped profile another time: every field but time_nanos is copied, and a new one appended.
func redate(profile []byte, at time.Time) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(zr)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	for len(raw) > 0 {
		key, n := binary.Uvarint(raw)
		size, err := fieldSize(raw, int(key&7), n)
		if err != nil {
			return nil, err
		}
		if key>>3 != timeNanos {
			if _, err := zw.Write(raw[:size]); err != nil {
				return nil, err
			}
		}
		raw = raw[size:]
	}
	field := binary.AppendUvarint([]byte{timeNanos << 3}, uint64(at.UnixNano()))
	if _, err := zw.Write(field); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

var errMalformed = errors.New("malformed profile")

// fieldSize is how many bytes the field at the start of raw has, its key (n bytes) included.
func fieldSize(raw []byte, wire, n int) (int, error) {
	if n <= 0 {
		return 0, errMalformed
	}
	value, m := binary.Uvarint(raw[n:])
	size := n
	switch wire {
	case 0:
		size += m
	case 1:
		size += 8
	case 2:
		size += m + int(value)
	case 5:
		size += 4
	default:
		return 0, errMalformed
	}
	if (wire == 0 || wire == 2) && m <= 0 || size < n || size > len(raw) {
		return 0, errMalformed
	}
	return size, nil
}
