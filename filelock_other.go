//go:build !unix

package main

import "os"

// lockFile does nothing on systems without flock.
func lockFile(*os.File) (inUse bool) { return false }
