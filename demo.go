package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"iscbot/internal/venue"
)

const demoText = `This is a simulated venue: %d PDUs, a chat in this terminal, and iscbot between them.
You are Ann (424242424), who is on the access list, in a private chat with the bot. Every twenty seconds a team goes over
the limit of %d W. Try /current, /peaks, /peakdates, /help; the end of input or Ctrl-C ends it.

`

const rehearsalText = `This is a rehearsal: %d simulated PDUs, and your bot in the real Telegram. Send /start to it there. Every twenty seconds a
team goes over the limit of %d W. Ctrl-C ends it.

`

// demo runs the bot between simulated PDUs and a chat in the terminal or, where there is a token, in the real Telegram.
func demo(ctx context.Context, f *flags, stdin io.Reader, stdout, stderr io.Writer) int {
	cfg, err := f.values()
	if err != nil {
		fmt.Fprintf(stderr, "iscbot: nothing was started; to be mended (iscbot -h tells how):\n%v\n", err)
		return 2
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()

	dir, err := os.MkdirTemp("", "iscbot-demo")
	if err != nil {
		fmt.Fprintf(stderr, "iscbot: the demo needs a directory for its log: %v\n", err)
		return 1
	}
	defer os.RemoveAll(dir)
	cfg.log = filepath.Join(dir, "exceedings.log") // what a demo logs is no evidence
	cfg.snmp = snmpConfig{community: "public", write: venue.WriteCommunity, interval: cfg.interval}
	cfg.user, cfg.password = "apc", "apc"
	var pdus []*venue.PDU
	for i, team := range []string{"Aachen", "Barcelona", "Cape Town", "Denver", "Edinburgh", "Fukuoka"} {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			fmt.Fprintf(stderr, "iscbot: the demo needs UDP on this machine: %v\n", err)
			return 1
		}
		p := venue.NewPDU(101+i, team, cfg.limit/20*10)
		pdus = append(pdus, p)
		agent := venue.ServeSNMP(p, "public", conn)
		defer agent.Close()
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			fmt.Fprintf(stderr, "iscbot: the demo needs TCP on this machine: %v\n", err)
			return 1
		}
		web := venue.ServeWeb(p, venue.Generations[i%len(venue.Generations)], listener)
		defer web.Close()
		cfg.pdus = append(cfg.pdus, pdu{num: p.Num, name: team, team: team, snmp: conn.LocalAddr().String(), web: strings.TrimRight(web.URL(), "/")})
	}
	wg.Go(func() { venue.Play(ctx, pdus, cfg.limit) })

	if cfg.token, err = readSecret("ISCBOT_TOKEN"); err != nil {
		fmt.Fprintf(stderr, "iscbot: %v\n", err)
		return 2
	}
	if cfg.token != "" {
		fmt.Fprintf(stdout, rehearsalText, len(pdus), cfg.limit)
		if cfg.access, err = loadAccess(f.access); err != nil {
			fmt.Fprintf(stderr, "nobody has access: %v\n", err)
		}
		newBot(cfg).run(ctx, ctx)
		return 0
	}
	fmt.Fprintf(stdout, demoText, len(pdus), cfg.limit)
	api := venue.NewAPI("123456:demo", "iscbot_demo")
	defer api.Close()
	ann := venue.User{ID: 424242424, Name: "Ann"}
	cfg.token, cfg.api, cfg.access = "123456:demo", api.URL(), &access{users: []int64{ann.ID}}
	cfg.group = false // Ann is alone with the bot
	input, ended := context.WithCancel(ctx)
	chat := venue.Private(ann)
	wg.Go(func() { api.Print(ctx, chat.ID, stdout) })
	wg.Go(func() {
		defer ended()
		terminal, ok := stdin.(*os.File)
		api.Type(input, chat, ann, stdin, stdout, !ok || !isTerminal(terminal))
	})
	newBot(cfg).run(ctx, input)
	return 0
}
