package report

// Translated reports whether a word of the sheet has its German.
func Translated(word string) bool { return german[word] != "" }
