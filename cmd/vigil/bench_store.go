package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// The walk that the store is measured with: a ward's worth of patients for days,
// a value a minute that no clock delivers on the minute.
const (
	walkPatients = 500
	walkMinute   = 60_000 // ms between values
	walkJitter   = 49     // ms, the most that a value is late on its minute
)

// walkMetrics are the vitals, with where each begins and how many decimals it has.
var walkMetrics = []struct {
	name, unit      string
	start, low, top int64
	exponent        int8
}{
	{"heart-rate", "/min", 78, 40, 180, 0},
	{"spo2", "%", 96, 70, 100, 0},
	{"resp-rate", "/min", 16, 4, 45, 0},
	{"temperature", "Cel", 370, 340, 410, -1},
	{"bp-systolic", "mm[Hg]", 122, 70, 210, 0},
	{"bp-diastolic", "mm[Hg]", 76, 35, 130, 0},
	{"bp-mean", "mm[Hg]", 92, 45, 160, 0},
	{"pulse-rate", "/min", 78, 40, 180, 0},
}

// walk is one series' samples, the same from the same seed.
type walk struct {
	chance   *rand.Rand
	metric   int
	value    int64
	at       vital.Instant
	sequence uint64
	offset   int32
}

func newWalk(series int, from vital.Instant) *walk {
	m := series % len(walkMetrics)
	c := rand.New(rand.NewPCG(uint64(series), 7))
	return &walk{chance: c, metric: m, value: walkMetrics[m].start, at: from, offset: int32(c.IntN(2000) - 1000)}
}

// next is the sample of the next minute: every clock and the quality is there.
func (w *walk) next() store.Sample {
	m := walkMetrics[w.metric]
	w.value = min(max(w.value+int64(w.chance.IntN(3)-1), m.low), m.top)
	w.at += walkMinute
	w.sequence++
	effective := w.at + vital.Instant(w.chance.IntN(walkJitter+1))
	s := store.Sample{
		Effective: effective, Device: effective - vital.Instant(w.offset), Receive: effective + 20 + vital.Instant(w.chance.IntN(30)),
		Offset: w.offset, Uncertainty: 25, Sequence: w.sequence,
		Value: vital.Num(vital.Decimal{Mantissa: w.value, Exponent: m.exponent}),
	}
	if w.chance.IntN(500) == 0 {
		s.Quality = vital.Questionable
	}
	return s
}

// store measures what a sample costs on the disk, and how long it takes to read
// a day of one vital among millions.
func (b bench) store(ctx context.Context) ([]figures, error) {
	vitals, err := b.storeVitals(ctx)
	if err != nil {
		return nil, err
	}
	waves, err := b.storeWaves(ctx)
	return append([]figures{vitals}, waves...), err
}

func (b bench) storeVitals(ctx context.Context) (f figures, err error) {
	path := filepath.Join(b.dir, "vitals.db")
	d, err := store.Open(ctx, store.Options{DSN: "sqlite:" + path, Keeper: seal.Ephemeral()})
	if err != nil {
		return f, err
	}
	defer d.Close()
	count := walkPatients * len(walkMetrics)
	each := max(b.samples/count, 24*60+1)
	from := vital.Instant(1_790_000_000_000)
	started := time.Now()
	if err := fillVitals(ctx, d, from, count, each); err != nil {
		return f, err
	}
	b.say("wrote %d samples of %d series in %.0f s", count*each, count, time.Since(started).Seconds())
	if err := checkVitals(ctx, d, from, each); err != nil {
		return f, err
	}
	var days, latest []float64
	for run := range b.runs {
		day, last, err := queryVitals(ctx, d, from, each, uint64(run))
		if err != nil {
			return f, err
		}
		days, latest = append(days, day), append(latest, last)
	}
	if err := d.Close(); err != nil {
		return f, err
	}
	size, err := sizeOf(path)
	bytes := float64(size) / float64(count*each)
	return figures{
		Mode: "store", Shape: fmt.Sprintf("%d samples of vitals, %d series, all clocks and quality, with indexes", count*each, count),
		Runs: b.runs, BytesPerSample: &bytes, QueryP99Millis: median(days), LatestP99Millis: median(latest),
	}, err
}

// batchOf commits chunks as the flow does, without a flow.
type batchOf struct {
	d     *store.DB
	epoch uint64
	batch store.Batch
}

func newBatch(ctx context.Context, d *store.DB) (*batchOf, error) {
	epoch, err := d.Own(ctx, vital.DefaultSite, 0)
	return &batchOf{d, epoch, store.Batch{}}, err
}

func (b *batchOf) commit(ctx context.Context, most int) error {
	if len(b.batch.Chunks)+len(b.batch.Waves) < most {
		return nil
	}
	b.batch.Site, b.batch.Epoch, b.batch.Applied = vital.DefaultSite, b.epoch, b.batch.Applied+1
	err := b.d.Commit(ctx, b.batch)
	b.batch = store.Batch{Applied: b.batch.Applied}
	return err
}

func walkSeries(series int) store.Series {
	m := walkMetrics[series%len(walkMetrics)]
	patient := series / len(walkMetrics)
	return store.Series{
		Site: vital.DefaultSite, Patient: vital.PatientID(fmt.Sprintf("p-%04d", patient)), Device: vital.DeviceID(fmt.Sprintf("bench-%04d", patient)),
		Metric: m.name, Unit: m.unit, Decoder: "vigil-json@1",
	}
}

// fillVitals writes every series in the order of time, as a ward fills a store:
// neighbours on the disk are neighbours in time, not of one patient.
func fillVitals(ctx context.Context, d *store.DB, from vital.Instant, count, each int) error {
	b, err := newBatch(ctx, d)
	if err != nil {
		return err
	}
	walks, heads := make([]*walk, count), make([]*store.Head, count)
	for i := range count {
		s, err := d.Series(ctx, walkSeries(i))
		if err != nil {
			return err
		}
		walks[i], heads[i] = newWalk(i, from), store.NewHead(s)
	}
	for minute := range each {
		for i, h := range heads {
			// Devices began at different times, so their chunks fill at different times.
			s := walks[i].next()
			h.Append(s)
			last := minute == each-1
			if h.Full() || last || minute < 120 && minute == i%120 {
				b.batch.Chunks = append(b.batch.Chunks, h.Seal())
			}
			if last {
				v := h.Series()
				b.batch.Latest = append(b.batch.Latest, store.Latest{Patient: v.Patient, Device: v.Device, Metric: v.Metric, Unit: v.Unit, Sample: s})
			}
			if err := b.commit(ctx, 1000); err != nil {
				return err
			}
		}
	}
	return b.commit(ctx, 1)
}

// checkVitals reads whole series back: a figure about what cannot be read back
// bit for bit is worth nothing.
func checkVitals(ctx context.Context, d *store.DB, from vital.Instant, each int) error {
	for _, i := range []int{0, 3, 1777, walkPatients*len(walkMetrics) - 1} {
		s := walkSeries(i)
		tracks, err := d.Samples(ctx, store.Everything(vital.DefaultSite), store.Query{
			Patient: s.Patient, Metrics: []string{s.Metric}, From: from, To: from + vital.Instant(each+2)*walkMinute,
		})
		if err != nil {
			return err
		}
		if len(tracks) != 1 || len(tracks[0].Samples) != each {
			return fmt.Errorf("series %d does not come back whole", i)
		}
		w := newWalk(i, from)
		for n, got := range tracks[0].Samples {
			if want := w.next(); got != want {
				return fmt.Errorf("series %d sample %d came back as %+v, was %+v", i, n, got, want)
			}
		}
	}
	return nil
}

// queryVitals returns the p99, in milliseconds, of reading 24 h of one vital,
// and of the latest values of all patients.
func queryVitals(ctx context.Context, d *store.DB, from vital.Instant, each int, seed uint64) (day, latest float64, err error) {
	c := rand.New(rand.NewPCG(seed, 11))
	const dayLong = 24 * 60
	var days, all []time.Duration
	for range 400 {
		s := walkSeries(c.IntN(walkPatients * len(walkMetrics)))
		begin := from + vital.Instant(1+c.IntN(each-dayLong))*walkMinute
		start := time.Now()
		tracks, err := d.Samples(ctx, store.Everything(vital.DefaultSite), store.Query{Patient: s.Patient, Metrics: []string{s.Metric}, From: begin, To: begin + dayLong*walkMinute})
		if err != nil {
			return 0, 0, err
		}
		days = append(days, time.Since(start))
		if len(tracks) != 1 || len(tracks[0].Samples) < dayLong-1 {
			return 0, 0, fmt.Errorf("a day of %s of %s is not whole", s.Metric, s.Patient)
		}
	}
	for range 100 {
		start := time.Now()
		found, err := d.LatestOf(ctx, store.Everything(vital.DefaultSite), nil)
		if err != nil {
			return 0, 0, err
		}
		all = append(all, time.Since(start))
		if len(found) != walkPatients*len(walkMetrics) {
			return 0, 0, fmt.Errorf("%d latest values, want %d", len(found), walkPatients*len(walkMetrics))
		}
	}
	p99 := func(took []time.Duration) float64 {
		slices.Sort(took)
		return float64(took[len(took)*99/100].Microseconds()) / 1000
	}
	return p99(days), p99(all), nil
}

// storeWaves measures real electrocardiograms, sent in packets of a second.
func (b bench) storeWaves(ctx context.Context) ([]figures, error) {
	headers, err := fs.Glob(os.DirFS(b.data), "mitdb/*.hea")
	if err != nil || len(headers) == 0 {
		b.say("no recordings in %s: the ECG is not measured", filepath.Join(b.data, "mitdb"))
		return nil, nil
	}
	path := filepath.Join(b.dir, "waves.db")
	d, err := store.Open(ctx, store.Options{DSN: "sqlite:" + path, Keeper: seal.Ephemeral()})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	batch, err := newBatch(ctx, d)
	if err != nil {
		return nil, err
	}
	samples := 0
	for _, header := range headers {
		r, err := loadRecording(filepath.Join(b.data, header), "")
		if err != nil {
			return nil, err
		}
		device := vital.DeviceID(strings.TrimSuffix(filepath.Base(header), ".hea"))
		for _, track := range r.Waves {
			n, err := storeTrack(ctx, d, batch, device, track)
			if err != nil {
				return nil, err
			}
			samples += n
		}
	}
	if err := batch.commit(ctx, 1); err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	size, err := sizeOf(path)
	bytes := float64(size) / float64(samples)
	return []figures{{
		Mode: "store", Shape: fmt.Sprintf("%d samples of MIT-BIH ECG, %d records, packets of 1 s", samples, len(headers)), Runs: 1, BytesPerSample: &bytes,
	}}, err
}

func storeTrack(ctx context.Context, d *store.DB, b *batchOf, device vital.DeviceID, track waveTrack) (int, error) {
	s, err := d.Series(ctx, store.Series{Site: vital.DefaultSite, Device: device, Metric: track.Metric, Unit: track.Unit, Decoder: "vigil-wave@1"})
	if err != nil {
		return 0, err
	}
	head := store.NewWaveHead(s)
	second := max(1, int(track.Hz))
	begin := vital.Instant(1_790_000_000_000) + vital.Instant(track.At.Milliseconds())
	chance := rand.New(rand.NewPCG(uint64(len(track.Samples)), 13))
	for at, n := 0, uint64(1); at < len(track.Samples); at, n = at+second, n+1 {
		part := track.Samples[at:min(at+second, len(track.Samples))]
		start := int64(begin)*1000 + int64(float64(at)/track.Hz*1e6)
		effective := vital.Instant(start / 1000)
		w := vital.Waveform{
			Site: vital.DefaultSite, Device: device, Metric: track.Metric, Unit: track.Unit, Gain: track.Gain, Zero: track.Zero,
			MilliHz: uint32(track.Hz * 1000), Start: start, Sequence: n, Samples: make([]int32, len(part)), Decoder: "vigil-wave@1",
			Clocks: vital.Clocks{Device: effective, Effective: effective, Receive: effective + 1000 + vital.Instant(chance.IntN(walkJitter)), Uncertainty: 25},
		}
		for i, v := range part {
			w.Samples[i] = int32(v)
		}
		if !head.Fits(w) {
			b.batch.Waves = append(b.batch.Waves, head.Seal())
			if err := b.commit(ctx, 500); err != nil {
				return 0, err
			}
		}
		head.Append(w)
	}
	if head.Len() > 0 {
		b.batch.Waves = append(b.batch.Waves, head.Seal())
	}
	return len(track.Samples), nil
}

// sizeOf returns the bytes of a closed database with what lies beside it.
func sizeOf(path string) (total int64, err error) {
	names, err := filepath.Glob(path + "*")
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, err
}
