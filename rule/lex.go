package rule

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what is read, so that a file sent by anybody costs little.
const (
	maxFile   = 256 << 10
	maxRules  = 500
	maxDepth  = 50
	maxErrors = 50 // problems reported of one file
)

// File is one file of rules.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Problem is why a file does not load. Steps, of a test that failed, tell how it
// came to what it came to.
type Problem struct {
	File    string   `json:"file"`
	Line    int      `json:"line"`
	Column  int      `json:"column"`
	Message string   `json:"message"`
	Steps   []string `json:"steps,omitempty"`
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenBreak
	tokenWord
	tokenNumber
	tokenClock
	tokenText
	tokenMark
)

// token is a piece of the text. Unit is what follows a number, "" none.
type token struct {
	kind         tokenKind
	text, unit   string
	line, column int
}

func (t token) is(text string) bool {
	return t.text == text && (t.kind == tokenWord || t.kind == tokenMark)
}

// found is how a message calls a token.
func (t token) found() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the file"
	case tokenBreak:
		return "the end of the line"
	case tokenText:
		return "the text " + fmt.Sprintf("%.40q", t.text)
	case tokenNumber:
		if t.unit != "" {
			return t.text + " " + t.unit
		}
	}
	return fmt.Sprintf("%.40q", t.text)
}

// notUnits are words that may follow a number and are no unit.
var notUnits = []string{
	"and", "or", "not", "for", "priority", "text", "in", "between", "to", "every", "from", "within", "low", "high", "ward", "condition",
	"scale", "age", "patient", "demo", "on", "at", "received",
}

// lexer cuts a text into tokens.
type lexer struct {
	text         string
	at           int
	line         int
	start        int // of the line
	tokens       []token
	problem      string
	problemToken token
}

func lex(text string) *lexer {
	l := &lexer{text: text, line: 1}
	for l.problem == "" && l.scan() {
	}
	l.add(tokenBreak, "", l.at)
	l.add(tokenEnd, "", l.at)
	return l
}

func (l *lexer) add(kind tokenKind, text string, at int) {
	l.tokens = append(l.tokens, token{kind: kind, text: text, line: l.line, column: l.column(at)})
}

func (l *lexer) column(at int) int { return 1 + utf8.RuneCountInString(l.text[l.start:at]) }

func (l *lexer) fail(at int, why string) {
	l.problem = why
	l.problemToken = token{line: l.line, column: l.column(at)}
}

func (l *lexer) peek(ahead int) byte {
	if l.at+ahead < len(l.text) {
		return l.text[l.at+ahead]
	}
	return 0
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// scan adds the next token; false at the end.
func (l *lexer) scan() bool {
	c := l.peek(0)
	start := l.at
	switch {
	case l.at >= len(l.text):
		return false
	case c == ' ' || c == '\t' || c == '\r':
		l.at++
	case c == '\n':
		l.add(tokenBreak, "", start)
		l.at++
		l.line++
		l.start = l.at
	case c == '#':
		for l.at < len(l.text) && l.text[l.at] != '\n' {
			l.at++
		}
	case c == '"':
		l.quoted()
	case isLetter(c):
		l.add(tokenWord, l.word(), start)
	case isDigit(c):
		l.number()
	default:
		l.mark()
	}
	return true
}

// word takes letters, digits and inner hyphens; "x:" begins a name that the
// table of metrics does not know.
func (l *lexer) word() string {
	start := l.at
	if l.peek(0) == 'x' && l.peek(1) == ':' && isLetter(l.peek(2)) {
		l.at += 2
	}
	for {
		c, after := l.peek(0), l.peek(1)
		if isLetter(c) || isDigit(c) || c == '_' || c == '-' && (isLetter(after) || isDigit(after)) {
			l.at++
			continue
		}
		return l.text[start:l.at]
	}
}

func (l *lexer) quoted() {
	start := l.at
	l.at++
	var b strings.Builder
	for {
		c := l.peek(0)
		switch {
		case l.at >= len(l.text) || c == '\n':
			l.fail(start, `this text has no closing quotation mark (") on its line`)
			return
		case c == '"':
			l.at++
			l.add(tokenText, b.String(), start)
			return
		case c == '\\' && (l.peek(1) == '"' || l.peek(1) == '\\'):
			l.at++
			c = l.peek(0)
		case c < ' ' && c != '\t':
			l.fail(l.at, "a control character in a text")
			return
		}
		b.WriteByte(c)
		l.at++
	}
}

// number takes digits, as a time of day where colons join them, else with the
// unit that follows.
func (l *lexer) number() {
	start := l.at
	digits := func() {
		for isDigit(l.peek(0)) {
			l.at++
		}
	}
	digits()
	if l.peek(0) == ':' && isDigit(l.peek(1)) {
		for l.peek(0) == ':' && isDigit(l.peek(1)) {
			l.at++
			digits()
		}
		l.add(tokenClock, l.text[start:l.at], start)
		return
	}
	if l.peek(0) == '.' && isDigit(l.peek(1)) {
		l.at++
		digits()
	}
	l.add(tokenNumber, l.text[start:l.at], start)
	l.tokens[len(l.tokens)-1].unit = l.unit()
}

// unit takes what follows a number if it can be a unit.
func (l *lexer) unit() string {
	start := l.at
	for l.peek(0) == ' ' || l.peek(0) == '\t' {
		l.at++
	}
	c := l.peek(0)
	begins := isLetter(c) || c == '%' || c == '[' || c == '{' || c == '/' && (isLetter(l.peek(1)) || l.peek(1) == '[' || l.peek(1) == '{') ||
		c >= utf8.RuneSelf || c == '1' && strings.HasPrefix(l.text[l.at:], "10*") && l.at > start
	if !begins {
		l.at = start
		return ""
	}
	from := l.at
	for l.at < len(l.text) && !strings.ContainsRune(" \t\r\n),\"#<>=", rune(l.text[l.at])) {
		l.at++
	}
	unit := l.text[from:l.at]
	if slices.Contains(notUnits, unit) || isQuality(unit) {
		l.at = start
		return ""
	}
	return unit
}

// marks are longest first.
var marks = []string{"<=", ">=", "!=", "≤", "≥", "<", ">", "=", "(", ")", ",", "+", "-", "*", "/"}

func (l *lexer) mark() {
	start := l.at
	for _, m := range marks {
		if strings.HasPrefix(l.text[l.at:], m) {
			l.at += len(m)
			switch m {
			case "≤":
				m = "<="
			case "≥":
				m = ">="
			}
			l.add(tokenMark, m, start)
			return
		}
	}
	r, size := utf8.DecodeRuneInString(l.text[l.at:])
	l.at += size
	l.fail(start, fmt.Sprintf("%q has no meaning here", r))
}
