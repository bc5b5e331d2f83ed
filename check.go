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
	"time"

	"github.com/gosnmp/gosnmp"
)

// A finding is a line of -check, and those that follow it indented.
type finding struct {
	what string
	text string
	bad  bool
}

// check tests everything that the bot will need and changes nothing. It prints a line for each thing as soon as those
// before it are known, and returns the exit code.
func (b *bot) check(ctx context.Context, out io.Writer) (code int) {
	tests := []func() []finding{
		func() []finding { return b.checkTelegram(ctx) },
		func() []finding { return []finding{checkLog(b.log)} },
	}
	for _, p := range b.pdus {
		tests = append(tests, func() []finding {
			if b.resetSNMP {
				return []finding{b.checkSNMP(ctx, p), b.checkWrite(ctx, p)}
			}
			return []finding{b.checkSNMP(ctx, p), b.checkWeb(ctx, p)}
		})
	}
	var results []chan []finding
	limit := make(chan struct{}, 32) // at a time
	for _, test := range tests {
		result := make(chan []finding)
		results = append(results, result)
		go func() {
			limit <- struct{}{}
			found := test()
			<-limit
			result <- found
		}()
	}
	for _, result := range results {
		for _, f := range <-result {
			word := "ok   "
			if f.bad {
				word, code = "WRONG", 1
			}
			fmt.Fprintf(out, "%s %s: %s\n", word, f.what, strings.ReplaceAll(strings.TrimRight(f.text, "\n"), "\n", "\n      "))
		}
	}
	return code
}

// checkTelegram tests the token, the host's clock and the chats of the access list.
func (b *bot) checkTelegram(ctx context.Context) []finding {
	if b.token == "" {
		return []finding{{what: "Telegram", text: "skipped, as ISCBOT_TOKEN is not set"}}
	}
	var me struct {
		user
		All bool `json:"can_read_all_group_messages"`
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	now, err := b.api.call(ctx, "getMe", struct{}{}, &me)
	if err != nil {
		return []finding{{"token", err.Error(), true}}
	}
	privacy := "privacy mode is on: in groups it sees commands and replies to it"
	if me.All {
		privacy = "privacy mode is off: in groups it sees all"
	}
	clock := finding{what: "clock", text: "as Telegram's"}
	if d := time.Since(now).Round(time.Second); now.IsZero() {
		clock.text = "Telegram told no time to compare it with"
	} else if d.Abs() > 5*time.Second {
		clock.bad, clock.text = true, fmt.Sprintf("%s off Telegram's: the log would have wrong times; set it (timedatectl)", d)
	}
	found := []finding{{what: "token", text: fmt.Sprintf("@%s; %s", me.Username, privacy)}, clock}
	chats := b.access.chats()
	if len(chats) == 0 {
		found = append(found, finding{"access list", "nobody is on it, so nobody will be alerted", true})
	}
	for _, id := range chats {
		var chat struct {
			user
			Title string
		}
		err := b.call(ctx, "getChat", map[string]any{"chat_id": id}, &chat)
		if err == nil { // a blocked bot may still look, but not type
			err = b.call(ctx, "sendChatAction", map[string]any{"chat_id": id, "action": "typing"}, nil)
		}
		text := "can be reached, " + chat.name()
		if id < 0 {
			text = "can be reached, the group " + chat.Title
		}
		if err != nil {
			text = fmt.Sprintf("%v: let the person send /start to @%s, or add it to the group", err, me.Username)
		}
		found = append(found, finding{fmt.Sprintf("chat %d", id), text, err != nil})
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
		return finding{"log", fmt.Sprintf("%s cannot be written: %v", path, err), true}
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
	what := label(p) + " SNMP"
	r, err := s.read(ctx)
	if err != nil && !errors.Is(err, errNoMeter) { // the first try may have met a busy card
		r, err = s.read(ctx)
	}
	if err != nil && !errors.Is(err, errNoMeter) {
		return finding{what, fmt.Sprintf("%v at %s: is SNMP on, and are -net, -snmp-port and -community right?", err, p.snmp), true}
	}
	text := func(oid string) string {
		vars, err := s.get(ctx, []string{oid})
		if err != nil || vars[0].Type != gosnmp.OctetString {
			return ""
		}
		return cut(strings.Join(strings.Fields(strings.ToValidUTF8(string(vars[0].Value.([]byte)), "?")), " "), 100)
	}
	model := strings.TrimSpace(text(identModel) + " " + text(identFirmware))
	if model == "" {
		model = text(sysDescr)
	}
	if err != nil {
		return finding{what, model + ": " + err.Error() + ", so it cannot be watched", true}
	}
	model += fmt.Sprintf(", %d W, peak %d W, answered in %s", r.watts, r.peak, r.at.Sub(r.began).Round(time.Millisecond))
	if t, err := time.ParseInLocation("01/02/2006 15:04:05", text(clockDate)+" "+text(clockOfDay), time.Local); err == nil {
		model += fmt.Sprintf(", its clock is %s off", time.Since(t).Round(time.Second).Abs())
	}
	return finding{what: what, text: model}
}

// checkWrite reads what a reset over SNMP would write. Whether it may be written shows only when it is.
func (b *bot) checkWrite(ctx context.Context, p pdu) finding {
	cfg := b.snmp
	cfg.community = string(cfg.write)
	s := newSession(p, cfg)
	defer s.close()
	what := label(p) + " reset"
	if _, err := s.read(ctx); errors.Is(err, errNoAnswer) {
		return finding{what, "no answer: is -write-community right, or the user of SNMP v3?", true}
	}
	if _, err := s.get(ctx, []string{peakReset}); err != nil {
		return finding{what, fmt.Sprintf("rPDU2DeviceConfigDevicePeakPowerReset: %v", err), true}
	}
	return finding{what: what, text: "the object is there; whether it may be written shows at a reset"}
}

// checkWeb goes to the control of the peak's reset, and leaves it as it is.
func (b *bot) checkWeb(ctx context.Context, p pdu) finding {
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
	text := "the peak's reset was found"
	if err != nil {
		text = err.Error()
	}
	if errors.Is(err, errPage) || errors.Is(err, errNoPeak) {
		if c.seen == nil {
			c.seen = []string{c.page.summary()}
		}
		text += "\n" + strings.Join(c.seen, "\n")
	}
	return finding{label(p) + " web", text, err != nil}
}

// only returns those PDUs of a list whose numbers were given, or with none given all.
func only(pdus []pdu, nums []string) (chosen []pdu, err error) {
	if len(nums) == 0 {
		return pdus, nil
	}
	for _, num := range nums {
		i := slices.IndexFunc(pdus, func(p pdu) bool { return fmt.Sprint(p.num) == num })
		if i < 0 {
			err = errors.Join(err, fmt.Errorf("-check %q: wanted are numbers of PDUs in the list", num))
			continue
		}
		chosen = append(chosen, pdus[i])
	}
	return chosen, err
}
