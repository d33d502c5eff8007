// A participant of sagas in Go's standard library: go run payment.go PORT FILE. What it owes is in docs/participants.md.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
)

type answer struct {
	Status int            `json:"status"`
	Body   map[string]any `json:"body"`
}

// One line of the file. A payment is its action, so effect and ledger are written by one append: both or neither.
type entry struct {
	Saga, Step           string
	Action, Compensation *answer
}

var mu sync.Mutex // calls come one by one
var file *os.File
var entries = map[[2]string]entry{}

func open(path string) {
	text, _ := os.ReadFile(path)
	whole := bytes.LastIndexByte(text, '\n') + 1 // a line that a crash has cut was never answered
	for _, line := range bytes.Split(bytes.TrimSpace(text[:whole]), []byte("\n")) {
		var e entry
		if json.Unmarshal(line, &e) == nil {
			entries[[2]string{e.Saga, e.Step}] = e
		}
	}
	var err error
	if file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
		if err = file.Truncate(int64(whole)); err == nil {
			_, err = file.Seek(int64(whole), 0)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
}

func keep(e entry) {
	line, _ := json.Marshal(e)
	_, err := file.Write(append(line, '\n'))
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		log.Fatal(err) // nobody knows what stands in the file; the next start reads it
	}
	entries[[2]string{e.Saga, e.Step}] = e
}

func pay(body map[string]any) *answer {
	if amount, _ := body["amount"].(float64); amount > 0 {
		return &answer{201, map[string]any{"payment_id": len(entries) + 1, "amount": amount}}
	}
	return &answer{422, map[string]any{"type": "bad-amount", "detail": "amount is a number above 0"}}
}

func settle(r *http.Request, undo bool) *answer {
	var body map[string]any
	e := entry{Saga: r.Header.Get("Saga-Id"), Step: r.Header.Get("Saga-Step")}
	if json.NewDecoder(r.Body).Decode(&body) != nil || e.Saga == "" || e.Step == "" {
		return &answer{400, map[string]any{"type": "bad-call", "detail": "Saga-Id, Saga-Step and JSON are needed"}}
	}
	mu.Lock()
	defer mu.Unlock()
	if known, ok := entries[[2]string{e.Saga, e.Step}]; ok {
		e = known
	}
	switch {
	case undo && e.Compensation == nil:
		e.Compensation = &answer{200, map[string]any{"refunded": e.Action != nil && e.Action.Status < 300}}
		keep(e)
	case !undo && e.Compensation != nil:
		return &answer{409, map[string]any{"type": "action-blocked", "detail": "it was compensated"}}
	case !undo && e.Action == nil:
		e.Action = pay(body)
		keep(e)
	}
	if undo {
		return e.Compensation
	}
	return e.Action
}

func say(w http.ResponseWriter, a *answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.Status)
	json.NewEncoder(w).Encode(a.Body)
}

func stands(w http.ResponseWriter, r *http.Request) { // asked what stands of a call
	mu.Lock()
	defer mu.Unlock()
	e, ok := entries[[2]string{r.Header.Get("Saga-Id"), r.Header.Get("Saga-Step")}]
	state := "undone"
	if !ok {
		state = "unknown"
	} else if e.Action != nil && e.Action.Status < 300 && e.Compensation == nil {
		state = "done"
	}
	say(w, &answer{200, map[string]any{"state": state}})
}

func balance(w http.ResponseWriter, _ *http.Request) { // what saga verify looks at
	mu.Lock()
	defer mu.Unlock()
	var sum float64
	for _, e := range entries {
		if e.Action != nil && e.Action.Status < 300 && e.Compensation == nil {
			sum += e.Action.Body["amount"].(float64)
		}
	}
	say(w, &answer{200, map[string]any{"balance": sum}})
}

func main() {
	open(os.Args[2])
	http.HandleFunc("POST /pay", func(w http.ResponseWriter, r *http.Request) { say(w, settle(r, false)) })
	http.HandleFunc("POST /refund", func(w http.ResponseWriter, r *http.Request) { say(w, settle(r, true)) })
	http.HandleFunc("GET /stands", stands)
	http.HandleFunc("GET /", balance)
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("payments at http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
