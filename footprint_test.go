package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// TestFootprint measures what the running program takes; bench/footprint runs it.
func TestFootprint(t *testing.T) {
	dir := os.Getenv("ISCBOT_FOOTPRINT") // with the builds
	if dir == "" {
		t.Skip("bench/footprint measures this")
	}
	amd64 := []string{filepath.Join(dir, "iscbot-amd64")}
	measure(t, "12 PDUs", amd64, "12", 30*time.Second)
	measure(t, "250 PDUs", amd64, "250", 30*time.Second)
	measure(t, "250 PDUs, a tenth dead", amd64, "250 dead", 30*time.Second)
	measure(t, "12 PDUs, an hour's 1800 polls", amd64, "12", 36*time.Second, "-interval", "20ms")
	if qemu, err := exec.LookPath("qemu-arm"); err == nil { // it runs there; its figures are those of qemu
		measure(t, "12 PDUs, linux/arm in qemu", []string{qemu, filepath.Join(dir, "iscbot-arm")}, "12", 6*time.Second)
	}
}

func measure(t *testing.T, name string, command []string, what string, window time.Duration, args ...string) {
	s := newSite(t)
	list := agents(t, what)
	ips := ""
	for _, p := range list {
		ips += fmt.Sprintf("%d,%s\n", p.num, p.name)
	}
	s.write(t, "ips.csv", ips)
	_, port, _ := strings.Cut(list[0].snmp, ":")
	cmd := exec.Command(command[0], append(command[1:], "-net", "127.0.0", "-snmp-port", port, "-api", s.api.URL())...)
	cmd.Args = append(cmd.Args, args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "ISCBOT_TOKEN="+testToken, "ISCBOT_PASSWORD=x")
	s.api.Say(venue.Private(ann), ann, "/current")
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	s.await(t, ann.ID, 0, "Power at", "1500 W")
	first := time.Since(start)
	stat := func(file, re string) (n int) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", cmd.Process.Pid, file))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Sscan(regexp.MustCompile(re).FindStringSubmatch(string(text))[1], &n)
		return n
	}
	ticks := func() int { // of 10 ms
		return stat("stat", `\) \S (?:\S+ ){10}(\d+)`) + stat("stat", `\) \S (?:\S+ ){11}(\d+)`)
	}
	time.Sleep(5 * time.Second) // the start is over
	before, then := ticks(), stat("status", `VmRSS:\s+(\d+)`)
	time.Sleep(window)
	used := ticks() - before
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", cmd.Process.Pid))
	t.Logf("%-30s %5.1f MB resident, before that %.1f, %5.2f %% of a core, %2d threads, %3d open files, first /current after %d ms", name+":",
		float64(stat("status", `VmRSS:\s+(\d+)`))/1000, float64(then)/1000, float64(used)/window.Seconds(), stat("status", `Threads:\s+(\d+)`), len(files), first.Milliseconds())
	cmd.Process.Signal(syscall.SIGTERM)
}
