package main

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	const stream = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: why it broke\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"=== RUN TestC\n"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:1: skipped: the program x is not installed\n"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Test":"TestD","Output":"    d_test.go:1: skipped: no recording at /x\n"}
{"Action":"skip","Package":"p","Test":"TestD"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
{"Action":"output","Package":"q","Output":"ok  \tq\t0.1s\n"}
{"Action":"pass","Package":"q"}
`
	var out strings.Builder
	v, err := read(strings.NewReader(stream), &out)
	if err != nil {
		t.Fatal(err)
	}
	if want := (verdict{packages: 2, passed: 1, failed: 2, skipped: 2, excused: 1}); v != want {
		t.Errorf("%+v, want %+v", v, want)
	}
	for _, want := range []string{"ok  \tq\t0.1s", "why it broke", "x is not installed", "no recording"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "quiet") {
		t.Error("a passing test speaks")
	}
	if _, err := read(strings.NewReader("not json"), &out); err == nil {
		t.Error("a stream that is not JSON is an error")
	}
}
