package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version returns the version of this program, as recorded by the build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "iscbot (unknown version)"
	}
	text := fmt.Sprintf("iscbot %s %s %s/%s", info.Main.Version, info.GoVersion, runtime.GOOS, runtime.GOARCH)
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return text
}
