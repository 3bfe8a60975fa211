package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sort"
	"strings"
	"sync"
)

// shop is the service: search, cart and order over HTTP. What differs between its versions is behind functions.
type shop struct {
	version string
	price   func(text string) int
	found   func(query string) []item
	confirm func(order []byte) string
	mux     *http.ServeMux
}

type item struct {
	Name  string
	Price string
}

func newShop(version string) *shop {
	s := &shop{version: version, mux: http.NewServeMux()}
	catalog := makeCatalog(3000)
	if version == "1.4" {
		s.price = priceCompiling
		s.found = func(query string) []item { return scan(catalog, query) }
		s.confirm = func([]byte) string { return "" }
	} else {
		kept := &cache{found: map[string][]item{}}
		s.price = pricePrepared
		s.found = func(query string) []item { return kept.search(catalog, query) }
		s.confirm = sign
	}
	s.mux.HandleFunc("/search", s.search)
	s.mux.HandleFunc("/cart", s.cart)
	s.mux.HandleFunc("/order", s.order)
	return s
}

func makeCatalog(n int) []item {
	words := []string{"lamp", "chair", "table", "carpet", "mirror", "shelf", "vase", "clock"}
	catalog := make([]item, n)
	for i := range catalog {
		catalog[i] = item{fmt.Sprintf("%s %s no %d", words[i%8], words[i/8%8], i), fmt.Sprintf("EUR %d,%02d", i%400, i%100)}
	}
	return catalog
}

func (s *shop) search(w http.ResponseWriter, r *http.Request) {
	found := s.found(r.URL.Query().Get("q"))
	sort.Slice(found, func(i, j int) bool { return found[i].Name < found[j].Name })
	reply(w, found)
}

func (s *shop) cart(w http.ResponseWriter, r *http.Request) {
	sum := 0
	for _, it := range s.found(r.URL.Query().Get("q")) {
		sum += s.price(it.Price)
	}
	reply(w, map[string]int{"cents": sum})
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	reply(w, map[string]string{"confirmed": s.confirm(body)})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func scan(catalog []item, query string) []item {
	var found []item
	for _, it := range catalog {
		if strings.Contains(strings.ToLower(it.Name), query) {
			found = append(found, it)
		}
	}
	return found
}

const pricePattern = `^([A-Z]{3}) (\d+),(\d{2})$`

// priceCompiling is 1.4's mistake.
func priceCompiling(text string) int {
	return cents(regexp.MustCompile(pricePattern).FindStringSubmatch(text))
}

var prepared = regexp.MustCompile(pricePattern)

func pricePrepared(text string) int {
	return cents(prepared.FindStringSubmatch(text))
}

func cents(parts []string) int {
	var whole, part int
	fmt.Sscan(parts[2], &whole)
	fmt.Sscan(parts[3], &part)
	return whole*100 + part
}

// cache is 1.5's new mistake: it keeps two hundred answers of each query, and copies them all the same.
type cache struct {
	lock  sync.Mutex
	asked int
	found map[string][]item
}

func (c *cache) search(catalog []item, query string) []item {
	found := scan(catalog, query)
	c.lock.Lock()
	defer c.lock.Unlock()
	c.asked++
	c.found[fmt.Sprint(query, c.asked%200)] = found
	return append([]item(nil), found...)
}

func sign(order []byte) string {
	mac := hmac.New(sha256.New, []byte("a key"))
	for i := 0; i < 60; i++ {
		mac.Write(order)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// load sends requests from n clients until the function that it returns is called.
func (s *shop) load(n int) (stop func()) {
	server := httptest.NewServer(s.mux)
	done := make(chan struct{})
	var all sync.WaitGroup
	for i := 0; i < n; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			client := server.Client()
			for k := 0; ; k++ {
				select {
				case <-done:
					return
				default:
					visit(client, server.URL, k)
				}
			}
		}()
	}
	return func() {
		close(done)
		all.Wait()
		server.Close()
	}
}

func visit(client *http.Client, server string, k int) {
	queries := []string{"lamp", "chair", "no 12", "clock no", "vase"}
	q := strings.ReplaceAll(queries[k%len(queries)], " ", "+")
	for _, path := range []string{"/search?q=" + q, "/cart?q=no+1" + fmt.Sprint(k%10)} {
		if answer, err := client.Get(server + path); err == nil {
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
	}
	order := strings.NewReader(strings.Repeat("one more lamp, please; ", 200))
	if answer, err := client.Post(server+"/order", "text/plain", order); err == nil {
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
}
