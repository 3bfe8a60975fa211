// demo is a small web shop under load, in two versions of its code, that pushes its profiles to a profefe server:
//
//	demo -server=http://localhost:10100
//
// First it makes an hour of history: some seconds of load on version 1.4, then on 1.5, whose profiles are dated
// back over the last hour, a deployment in its middle. Then it goes on with 1.5 and pushes as it goes. What
// changed between the versions: prices no longer compile their pattern for every item (less CPU), search keeps
// what it found (more memory), and every order is now signed (new).
//
// Standard library only, so that it builds without a network.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"runtime/pprof"
	"time"
)

const (
	history = time.Hour
	each    = time.Minute // between two profiles of the history
	looks   = 400 * time.Millisecond
	pause   = 10 * time.Second // between two pushes afterwards
	samples = 12               // CPU profiles taken of each version for the history
)

func main() {
	log.SetFlags(0)
	server := flag.String("server", "http://localhost:10100", "where to push")
	flag.Parse()
	p := &pusher{*server}

	start := time.Now().Add(-history).Truncate(time.Second)
	middle := start.Add(history / 2)
	p.backdate(newShop("1.4"), start, middle)
	p.backdate(newShop("1.5"), middle, start.Add(history))

	// The shell script waits for this line and prints its own.
	fmt.Println("history is there")
	s := newShop("1.5")
	for {
		stop := s.load(2)
		p.pushAll(s.version, "web-1", time.Now(), takeCPU(looks))
		stop()
		time.Sleep(pause)
	}
}

type pusher struct {
	server string
}

// backdate runs a version under load for some seconds and spreads its profiles over from..to, on two hosts.
func (p *pusher) backdate(s *shop, from, to time.Time) {
	var taken []snapshot
	for i := 0; i < samples; i++ {
		stop := s.load(1 + i%3)
		taken = append(taken, snapshot{cpu: takeCPU(looks), heap: lookup("heap"), goroutine: lookup("goroutine")})
		stop()
	}
	n := 0
	for at := from; at.Before(to); at = at.Add(each) {
		host := fmt.Sprintf("web-%d", n%2+1)
		one := taken[n*7%len(taken)]
		p.push("cpu", s.version, host, at, one.cpu)
		if n%3 == 0 {
			p.push("heap", s.version, host, at, one.heap)
			p.push("goroutine", s.version, host, at, one.goroutine)
		}
		n++
	}
}

type snapshot struct{ cpu, heap, goroutine []byte }

func (p *pusher) pushAll(version, host string, at time.Time, cpu []byte) {
	p.push("cpu", version, host, at, cpu)
	p.push("heap", version, host, at, lookup("heap"))
	p.push("goroutine", version, host, at, lookup("goroutine"))
}

func (p *pusher) push(kind, version, host string, at time.Time, profile []byte) {
	dated, err := redate(profile, at)
	must(err)
	query := url.Values{
		"service": {"shop"},
		"type":    {kind},
		"labels":  {"version=" + version + ",host=" + host},
	}
	answer, err := http.Post(p.server+"/api/0/profiles?"+query.Encode(), "application/octet-stream", bytes.NewReader(dated))
	must(err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(answer.Body)
		log.Fatalf("demo: the server refused a %s profile: %s", kind, why)
	}
}

func takeCPU(d time.Duration) []byte {
	var b bytes.Buffer
	must(pprof.StartCPUProfile(&b))
	time.Sleep(d)
	pprof.StopCPUProfile()
	return b.Bytes()
}

func lookup(name string) []byte {
	var b bytes.Buffer
	must(pprof.Lookup(name).WriteTo(&b, 0))
	return b.Bytes()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
