package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"iscbot/internal/chart"
	"iscbot/internal/venue"
)

const demoText = `This is a simulated venue: %d PDUs, a chat in this terminal, and iscbot between them.
You are Ann (424242424), who is on the access list, in a private chat with the bot. Every twenty seconds a team goes
over the limit of %d W. Try /current, /live, /graph 101 and /reset 102, or /help for the rest; type [Refresh] or [Stop]
to press a button. Pictures are saved to files. Lines that begin with time= are what the bot logs. Ctrl-D or Ctrl-C
ends the demo.

`

const rehearsalText = `This is a rehearsal: %d simulated PDUs, and your bot in the real Telegram. Send /start to it
there. Every twenty seconds a team goes over the limit of %d W. Ctrl-C ends the rehearsal.

`

// The demo's bot and user.
const (
	demoToken = "123456:demo"
	demoName  = "iscbot_demo"
)

var demoPerson = venue.User{ID: 424242424, Name: "Ann"}

// demo runs the bot between simulated PDUs and a chat in the terminal or, if
// there is a token, in the real Telegram. It returns the exit code. errs are
// mistakes in the flags.
func demo(
	ctx context.Context, f *flags, errs error, stdin io.Reader, stdout, stderr io.Writer, hangup <-chan os.Signal,
) int {
	cfg, err := checkFlags(f)
	errs = errors.Join(errs, err)
	cfg.token, err = readToken(true)
	errs = errors.Join(errs, err)
	if errs == nil {
		cfg.metrics, errs = listenMetrics(f.metrics)
	}
	if errs != nil {
		return notStarted(stderr, errs)
	}
	dir, err := os.MkdirTemp("", "iscbot-demo")
	if err != nil {
		fmt.Fprintf(stderr, "iscbot: the demo needs a directory for its log: %v\n", err)
		return exitFailed
	}
	defer os.RemoveAll(dir)
	cfg.log = filepath.Join(dir, "exceedings.log") // a demo's log is not evidence

	ctx, stop := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer stop()
	rack, err := newDemoRack(cfg.limit)
	defer rack.close()
	if err != nil {
		fmt.Fprintf(stderr, "iscbot: the demo needs this machine's loopback network: %v\n", err)
		return exitFailed
	}
	cfg.pdus = rack.list
	cfg.snmp = snmpConfig{community: "public", write: newSecret(venue.WriteCommunity), interval: cfg.interval}
	cfg.user, cfg.password = "apc", newSecret("apc")
	tasks.Go(func() { venue.Play(ctx, rack.pdus, cfg.limit) })

	if cfg.token != (secret{}) {
		rehearse(ctx, cfg, f, stdout, stderr, hangup)
		return exitOK
	}
	fmt.Fprintf(stdout, demoText, len(rack.pdus), cfg.limit)
	demonstrate(ctx, cfg, stdin, stdout, &tasks)
	return exitOK
}

// rehearse runs the bot in the real Telegram.
func rehearse(ctx context.Context, cfg config, f *flags, stdout, stderr io.Writer, hangup <-chan os.Signal) {
	fmt.Fprintf(stdout, rehearsalText, len(cfg.pdus), cfg.limit)
	access, err := loadAccess(f.access)
	if err != nil {
		fmt.Fprintf(stderr, "nobody has access: %v\n", err)
	}
	cfg.access = access
	serve(ctx, ctx, cfg, hangup)
}

// demonstrate runs the bot with a chat in the terminal until its input ends.
func demonstrate(ctx context.Context, cfg config, stdin io.Reader, stdout io.Writer, tasks *sync.WaitGroup) {
	api := venue.NewAPI(demoToken, demoName)
	defer api.Close()
	chat := venue.Private(demoPerson)
	api.Know(chat)
	cfg.token, cfg.api, cfg.access = newSecret(demoToken), api.URL(), newAccessList(0, demoPerson.ID)
	cfg.alertGroup = false // the demo has no group

	terminal, ok := stdin.(*os.File)
	echo := !ok || !isTerminal(terminal)
	input, ended := context.WithCancel(ctx)
	tasks.Go(func() { api.Print(ctx, chat.ID, stdout, chart.Sketch) })
	tasks.Go(func() {
		defer ended()
		api.Type(input, chat, demoPerson, stdin, stdout, echo)
	})
	serve(ctx, input, cfg, nil)
}

// A demoRack is the demo's set of simulated PDUs.
type demoRack struct {
	pdus    []*venue.PDU
	list    []pdu
	closers []func()
}

// newDemoRack starts simulated PDUs, each with an SNMP agent and a web
// interface on free ports. The rack must be closed even after an error.
func newDemoRack(limit int) (*demoRack, error) {
	r := new(demoRack)
	for i, team := range []string{"Aachen", "Barcelona", "Cape Town", "Denver", "Edinburgh", "Fukuoka"} {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return r, err
		}
		p := venue.NewPDU(101+i, team, limit/20*10) // half the limit, in units of 10 W as cards report it
		agent := venue.ServeSNMP(p, "public", conn)
		r.closers = append(r.closers, agent.Close)

		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return r, err
		}
		web := venue.ServeWeb(p, venue.Generations[i%len(venue.Generations)], listener)
		r.closers = append(r.closers, web.Close)

		r.pdus = append(r.pdus, p)
		r.list = append(r.list, pdu{
			num: p.Num, unit: 1, name: team, team: team,
			snmp: conn.LocalAddr().String(), web: strings.TrimRight(web.URL(), "/"),
		})
	}
	return r, nil
}

func (r *demoRack) close() {
	for _, stop := range r.closers {
		stop()
	}
}
