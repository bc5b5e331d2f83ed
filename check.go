package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"
)

// A finding is a line of -check, and what follows it indented.
type finding struct {
	what string
	text string
	bad  bool
	more string
}

// check tests everything that the bot will need and changes nothing. It prints a line for each thing as soon as those
// before it are known, and returns the exit code.
func (b *bot) check(ctx context.Context, out io.Writer) int {
	var tests []func() []finding
	if b.token == "" {
		tests = append(tests, func() []finding { return []finding{{what: "Telegram", text: "skipped, as ISCBOT_TOKEN is not set"}} })
	} else {
		tests = append(tests, func() []finding { return b.checkTelegram(ctx) })
	}
	tests = append(tests, func() []finding { return []finding{checkLog(b.log)} })
	for _, p := range b.pdus {
		tests = append(tests, func() []finding {
			if b.resetSNMP {
				return []finding{b.checkSNMP(ctx, p), b.checkWrite(ctx, p)}
			}
			return []finding{b.checkSNMP(ctx, p), b.checkWeb(ctx, p)}
		})
	}
	found := make([][]finding, len(tests))
	done := make([]chan struct{}, len(tests))
	limit := make(chan struct{}, 32) // at a time
	var wg sync.WaitGroup
	for i, test := range tests {
		done[i] = make(chan struct{})
		wg.Go(func() {
			limit <- struct{}{}
			found[i] = test()
			<-limit
			close(done[i])
		})
	}
	code := 0
	for i := range tests {
		<-done[i]
		for _, f := range found[i] {
			word := "ok   "
			if f.bad {
				word, code = "WRONG", 1
			}
			fmt.Fprintf(out, "%s %s: %s\n", word, f.what, f.text)
			for line := range strings.Lines(f.more) {
				fmt.Fprintf(out, "      %s\n", strings.TrimRight(line, "\n"))
			}
		}
	}
	wg.Wait()
	return code
}

// checkTelegram tests the token, the host's clock and the chats of the access list.
func (b *bot) checkTelegram(ctx context.Context) []finding {
	var me struct {
		user
		All bool `json:"can_read_all_group_messages"`
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	now, err := b.api.call(ctx, "getMe", struct{}{}, &me)
	if err != nil {
		return []finding{{what: "token", text: err.Error(), bad: true}}
	}
	privacy := "privacy mode is on: in groups it sees commands and replies to it"
	if me.All {
		privacy = "privacy mode is off: in groups it sees all"
	}
	found := []finding{{what: "token", text: fmt.Sprintf("@%s; %s", me.Username, privacy)}}
	if d := time.Since(now).Round(time.Second); now.IsZero() {
		found = append(found, finding{what: "clock", text: "Telegram told no time to compare it with"})
	} else if d.Abs() > 5*time.Second {
		found = append(found, finding{what: "clock", bad: true, text: fmt.Sprintf("%s off Telegram's: the log would have wrong times; set it (timedatectl)", d)})
	} else {
		found = append(found, finding{what: "clock", text: "as Telegram's"})
	}
	chats := b.access.chats()
	if len(chats) == 0 {
		found = append(found, finding{what: "access list", text: "nobody is on it, so nobody will be alerted", bad: true})
	}
	for _, id := range chats {
		f := finding{what: fmt.Sprintf("chat %d", id)}
		var chat struct {
			user
			Title string
		}
		err := b.call(ctx, "getChat", map[string]any{"chat_id": id}, &chat)
		if err == nil { // a blocked bot may still look, but not type
			err = b.call(ctx, "sendChatAction", map[string]any{"chat_id": id, "action": "typing"}, nil)
		}
		switch f.text = "can be reached"; {
		case err != nil:
			f.bad, f.text = true, fmt.Sprintf("%v: let the person send /start to @%s, or add it to the group", err, me.Username)
		case id < 0:
			f.text += ", the group " + chat.Title
		default:
			f.text += ", " + chat.name()
		}
		found = append(found, f)
	}
	return found
}

// checkLog tests whether the log can be written, and leaves no trace of that.
func checkLog(path string) finding {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		if f, err = os.CreateTemp(filepath.Dir(path), ".iscbot-check"); err == nil {
			defer os.Remove(f.Name())
		}
	}
	if err != nil {
		return finding{what: "log", text: fmt.Sprintf("%s cannot be written: %v", path, err), bad: true}
	}
	f.Close()
	return finding{what: "log", text: path + " can be written"}
}

// The objects beside readingOIDs that tell about a PDU, each asked for alone, as not every model has them all.
const (
	identModel    = ".1.3.6.1.4.1.318.1.1.26.2.1.8.1" // rPDU2IdentModelNumber
	identFirmware = ".1.3.6.1.4.1.318.1.1.26.2.1.6.1" // rPDU2IdentFirmwareRev
	sysDescr      = ".1.3.6.1.2.1.1.1.0"
	clockDate     = ".1.3.6.1.4.1.318.2.1.6.1.0" // mconfigClockDate, MM/DD/YYYY
	clockOfDay    = ".1.3.6.1.4.1.318.2.1.6.2.0" // mconfigClockTime, HH:MM:SS
)

// checkSNMP reads a PDU as the watch does, and what it is.
func (b *bot) checkSNMP(ctx context.Context, p pdu) finding {
	s := newSession(p, b.snmp)
	defer s.close()
	f := finding{what: label(p) + " SNMP"}
	r, err := s.read(ctx)
	if err != nil && !errors.Is(err, errNoMeter) { // the first try may have met a busy card
		r, err = s.read(ctx)
	}
	text := func(oid string) string {
		vars, err := s.get(ctx, []string{oid})
		if err != nil || vars[0].Type != gosnmp.OctetString {
			return ""
		}
		return cut(strings.Join(strings.Fields(strings.ToValidUTF8(string(vars[0].Value.([]byte)), "?")), " "), 100)
	}
	if err != nil && !errors.Is(err, errNoMeter) {
		f.bad, f.text = true, fmt.Sprintf("%v at %s: is SNMP on, and are -net, -snmp-port and -community right?", err, p.snmp)
		return f
	}
	model := strings.TrimSpace(text(identModel) + " " + text(identFirmware))
	if model == "" {
		model = text(sysDescr)
	}
	if f.text = model; err != nil {
		f.bad, f.text = true, model+": "+err.Error()+", so it cannot be watched"
		return f
	}
	f.text += fmt.Sprintf(", %d W, peak %d W, answered in %s", r.watts, r.peak, r.at.Sub(r.began).Round(time.Millisecond))
	if t, err := time.ParseInLocation("01/02/2006 15:04:05", text(clockDate)+" "+text(clockOfDay), time.Local); err == nil {
		f.text += fmt.Sprintf(", its clock is %s off", time.Since(t).Round(time.Second).Abs())
	}
	return f
}

// checkWrite reads what a reset over SNMP would write. Whether it may be written shows only when it is.
func (b *bot) checkWrite(ctx context.Context, p pdu) finding {
	cfg := b.snmp
	cfg.community = string(cfg.write)
	s := newSession(p, cfg)
	defer s.close()
	f := finding{what: label(p) + " reset", text: "the object is there; whether it may be written shows at a reset"}
	if _, err := s.read(ctx); err == nil || !errors.Is(err, errNoAnswer) {
		_, err = s.get(ctx, []string{peakReset})
		if err != nil {
			f.bad, f.text = true, fmt.Sprintf("rPDU2DeviceConfigDevicePeakPowerReset: %v", err)
		}
		return f
	}
	return finding{what: f.what, text: "no answer: is -write-community right, or the user of SNMP v3?", bad: true}
}

// checkWeb goes to the control of the peak's reset, and leaves it as it is.
func (b *bot) checkWeb(ctx context.Context, p pdu) finding {
	f := finding{what: label(p) + " web", text: "the peak's reset was found"}
	ctx, cancel := context.WithTimeout(ctx, b.patience.whole)
	defer cancel()
	c, err := newCard(p.web, b.user, b.password, &b.pins, b.patience)
	if err == nil {
		err = c.login(ctx)
		defer c.leave(ctx)
	}
	if err == nil {
		_, _, err = c.findPeak(ctx)
	}
	if err != nil {
		f.bad, f.text = true, err.Error()
		if errors.Is(err, errPage) || errors.Is(err, errNoPeak) {
			f.more = strings.Join(append(c.seen, c.page.summary()), "\n")
		}
	}
	return f
}

// only returns those PDUs of a list whose numbers were given, or with none given all.
func only(pdus []pdu, nums []string) (chosen []pdu, err error) {
	for _, num := range nums {
		i := slices.IndexFunc(pdus, func(p pdu) bool { return fmt.Sprint(p.num) == num })
		if i < 0 {
			err = errors.Join(err, fmt.Errorf("-check %q: wanted are numbers of PDUs in the list", num))
			continue
		}
		chosen = append(chosen, pdus[i])
	}
	if len(nums) == 0 {
		chosen = pdus
	}
	return chosen, err
}
