// Package wfdb reads recordings in the WaveForm DataBase formats of PhysioNet:
// a text header (.hea), signal files in the common binary formats, and
// annotation files (.atr, .qrs ...) in the MIT format.
//
// Why: most of the recordings with which monitoring is judged in public are in
// these formats. Vigil plays them through the same path as a bedside device, so
// that a screen, a detector or an alarm meets real hearts before real patients.
//
// How: ParseHeader reads the text; Open gives a Reader that decodes frame by
// frame from any io.Reader; Decode reads a whole record; Load follows the names
// in a header, multi-segment records included, through a function that the
// caller gives (who may open files, decompress, or read from memory).
// ParseAnnotations reads labels. Nothing here touches a disk or a clock.
//
// Source: G. Moody, WFDB Applications Guide, header(5), signal(5) and annot(5),
// PhysioNet, version 10.7. Not read: FLAC-compressed signals (formats 508, 516,
// 524) and AHA-format annotations; both are refused by name.
package wfdb
