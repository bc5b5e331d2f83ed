package main

import (
	"fmt"
	"log/slog"
	"time"
)

// An alerter turns events into lines of exceedings.log and messages to the
// recipients. Events come from judge, through snoop.note and outage.filter.
type alerter struct {
	journal *journal
	out     *outbox
	access  *accessList
	toGroup bool // alerts go to the access list's group, not to its users
	limit   int  // W per team
}

// report logs an event, then sends it.
func (a *alerter) report(e event) {
	who, what := eventSubject(e), eventText(e)
	a.journal.add(e.at, who, what)
	if e.logOnly {
		return
	}
	html := fmt.Sprintf("%s <b>%s: %s</b>\n%s, limit %d W",
		eventMark(e), escape(who), escape(what), e.at.Format(time.DateTime), a.limit)
	if more := eventRemark(e); more != "" {
		html += "\n" + escape(more)
	}
	above := e.kind == eventAbove || e.kind == eventPossiblyAbove
	m := outgoing{post: post{html: html, silent: e.silent}, above: above, at: e.at}
	if len(e.pdus) > 0 {
		m.keys, m.about = graphKeys(e.pdus), shorten(e.team, 20)
	}
	a.send(m)
}

// graphKeys returns the keyboard below an alert about a team: a button for a
// picture of its last minutes.
func graphKeys(pdus []pdu) [][]button {
	return [][]button{{{Text: "Graph", Data: "graph " + pdus[0].number()}}}
}

// notify sends a message about the bot itself, and logs it to stderr.
func (a *alerter) notify(text string) {
	slog.Warn(text)
	a.send(outgoing{post: post{html: escape(text)}, at: time.Now()})
}

// send sends an alert to the recipients.
func (a *alerter) send(m outgoing) {
	m.alert = true
	if a.toGroup {
		m.chat, m.topic = a.access.group()
		if m.chat != 0 {
			a.out.put(m)
		}
		return
	}
	for _, id := range a.access.users() {
		m.chat = id
		a.out.put(m)
	}
}

// hasRecipients reports whether alerts have any recipient.
func (a *alerter) hasRecipients() bool {
	if a.toGroup {
		group, _ := a.access.group()
		return group != 0
	}
	return len(a.access.users()) > 0
}
