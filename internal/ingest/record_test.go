package ingest

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/vital"
)

func drawClocks(t *rapid.T, receive vital.Instant) vital.Clocks {
	return vital.Clocks{
		Device: vital.Instant(rapid.Int64Range(0, 1<<42).Draw(t, "device")), Receive: receive,
		Effective: vital.Instant(rapid.Int64Range(0, 1<<42).Draw(t, "effective")),
		Offset:    rapid.Int32().Draw(t, "offset"), Uncertainty: rapid.Int32Range(-1, 1<<20).Draw(t, "uncertainty"),
	}
}

func drawBatch(t *rapid.T) (vital.Site, Batch) {
	site := vital.Site(rapid.String().Draw(t, "site"))
	b := Batch{
		Source:   vital.Position{Partition: rapid.Uint16().Draw(t, "partition"), Frame: rapid.Uint64().Draw(t, "frame"), Index: rapid.Uint32().Draw(t, "index")},
		Device:   vital.DeviceID(rapid.String().Draw(t, "device")),
		Patient:  vital.PatientID(rapid.String().Draw(t, "patient")),
		Receive:  vital.Instant(rapid.Int64Range(0, 1<<42).Draw(t, "receive")),
		Sequence: rapid.Uint64().Draw(t, "sequence"),
		Decoder:  rapid.String().Draw(t, "decoder"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "readings") {
		b.Readings = append(b.Readings, vital.Reading{
			Site: site, Device: b.Device, Patient: b.Patient, Source: b.Source, Decoder: b.Decoder,
			Metric: rapid.String().Draw(t, "metric"), Unit: rapid.String().Draw(t, "unit"),
			Value:    vital.Value{Code: rapid.String().Draw(t, "code"), Number: vital.Decimal{Mantissa: rapid.Int64().Draw(t, "m"), Exponent: rapid.Int8().Draw(t, "e")}},
			Clocks:   drawClocks(t, b.Receive),
			Quality:  vital.Quality(rapid.Uint32().Draw(t, "quality")),
			Sequence: rapid.Uint64().Draw(t, "seq"),
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "waves") {
		w := vital.Waveform{
			Site: site, Device: b.Device, Patient: b.Patient, Source: b.Source, Decoder: b.Decoder,
			Metric: rapid.String().Draw(t, "wave metric"), Unit: rapid.String().Draw(t, "wave unit"),
			Gain: vital.Decimal{Mantissa: rapid.Int64().Draw(t, "gain"), Exponent: rapid.Int8().Draw(t, "ge")},
			Zero: rapid.Int32().Draw(t, "zero"), MilliHz: rapid.Uint32().Draw(t, "hz"), Start: rapid.Int64().Draw(t, "start"),
			Clocks: drawClocks(t, b.Receive), Quality: vital.Quality(rapid.Uint32().Draw(t, "wq")), Sequence: rapid.Uint64().Draw(t, "wseq"),
			Samples: rapid.SliceOfN(rapid.Int32(), 1, 50).Draw(t, "samples"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "spans") {
			w.Missing = append(w.Missing, vital.Span{From: rapid.Uint32().Draw(t, "from"), To: rapid.Uint32().Draw(t, "to")})
		}
		b.Waveforms = append(b.Waveforms, w)
	}
	for range rapid.IntRange(0, 2).Draw(t, "events") {
		b.Events = append(b.Events, vital.Event{
			Site: site, Device: b.Device, Patient: b.Patient, Source: b.Source, Decoder: b.Decoder,
			Kind: rapid.String().Draw(t, "kind"), Code: rapid.String().Draw(t, "ecode"), Text: rapid.String().Draw(t, "text"),
			Clocks: drawClocks(t, b.Receive), Quality: vital.Quality(rapid.Uint32().Draw(t, "eq")), Sequence: rapid.Uint64().Draw(t, "eseq"),
		})
	}
	return site, b
}

func TestBatchRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		site, want := drawBatch(t)
		got, err := DecodeBatch(want.Encode(site))
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestPacketRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Packet{
			Site: vital.Site(rapid.String().Draw(t, "site")), Credential: vital.CredentialID(rapid.String().Draw(t, "credential")),
			Device: vital.DeviceID(rapid.String().Draw(t, "device")), Gateway: rapid.Bool().Draw(t, "gateway"),
			Patient: vital.PatientID(rapid.String().Draw(t, "patient")), Door: rapid.String().Draw(t, "door"),
			Topic: rapid.String().Draw(t, "topic"), Format: rapid.String().Draw(t, "format"),
			Received: vital.Instant(rapid.Int64().Draw(t, "received")), Sequence: rapid.Uint64().Draw(t, "sequence"),
			Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body"), Blob: rapid.String().Draw(t, "blob"),
		}
		got, err := DecodePacket(want.encode())
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if len(want.Body) == 0 {
			want.Body, got.Body = nil, nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

func FuzzDecodeBatch(f *testing.F) {
	b := Batch{Device: "d", Receive: 5, Readings: []vital.Reading{{Metric: "spo2", Unit: "%"}}, Waveforms: []vital.Waveform{{Metric: "ecg-ii", Samples: []int32{1, 2, 3}}}, Events: []vital.Event{{Kind: "beat"}}}
	f.Add(b.Encode("main"))
	f.Add([]byte{batchVersion})
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := DecodeBatch(body)
		if err != nil {
			return
		}
		again, err := DecodeBatch(got.Encode("main"))
		if err != nil || len(again.Readings) != len(got.Readings) || len(again.Waveforms) != len(got.Waveforms) {
			t.Fatalf("what decodes does not decode again: %v", err)
		}
	})
}

func FuzzDecodePacket(f *testing.F) {
	f.Add(Packet{Device: "d", Body: []byte("{}")}.encode())
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := DecodePacket(body)
		if err != nil {
			return
		}
		if q, err := DecodePacket(p.encode()); err != nil || q.Device != p.Device || string(q.Body) != string(p.Body) {
			t.Fatalf("what decodes does not decode again: %v", err)
		}
	})
}
