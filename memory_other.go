//go:build !linux

package main

// A mapping stands for a part of the program's file in memory, which is not
// released on other systems.
type mapping struct{}

func fileMappings() []mapping { return nil }

func (mapping) release() {}
