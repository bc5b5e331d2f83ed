package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// A menuCommand is a command in the menu of a telephone.
type menuCommand struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

// The menus, in the order of use.
var (
	menuForAll = []menuCommand{
		{"current", "power of each team now"},
		{"live", "the same, kept up to date"},
		{"graph", "a picture: /graph, /graph 101, /graph 101 90m"},
		{"peaks", "peak of each PDU since its last reset"},
		{"peakdates", "peaks and when they were"},
		{"exceedings", "how often each team was above the limit"},
		{"help", "what the bot can do"},
	}
	menuForAccess = slices.Insert(slices.Clone(menuForAll), len(menuForAll)-1,
		menuCommand{"reset", "reset a PDU's peak"},
		menuCommand{"log", "exceedings.log, the evidence"},
	)
)

// What people read about the bot before they write to it.
var (
	botDescription = "Shows how much power the teams' racks draw, alerts the officials when a team goes over the " +
		"limit, and resets peaks.\n\n" + commandNames(menuForAccess) +
		"\n\n/reset and /log are for those on the access list."
	botShortDescription = "The power of the teams' racks: " + commandNames(menuForAll)
)

// commandNames returns the commands of a menu on one line.
func commandNames(menu []menuCommand) string {
	var names []string
	for _, c := range menu {
		names = append(names, "/"+c.Command)
	}
	return strings.Join(names, " ")
}

// helpText is the answer to /start and /help. In a group it is short.
func helpText(menu []menuCommand, pdus, limit int, inGroup bool) string {
	text := fmt.Sprintf("I watch the power of %s; a team may draw %d W.\n", count(pdus, "PDU"), limit)
	if inGroup {
		return text + commandNames(menu)
	}
	for _, c := range menu {
		description := c.Description
		if c.Command == "help" {
			description = "this text"
		}
		text += fmt.Sprintf("\n/%s - %s", c.Command, description)
	}
	return text
}

// setMenus registers the commands that a telephone offers, and the bot's
// descriptions. The first scope that fits counts, so the chats' own lists
// repeat the rest. A failure does not matter, but a group that became a
// supergroup is noticed.
func setMenus(ctx context.Context, c *client, access *accessList) {
	set := func(method string, in params) {
		if err := c.call(ctx, method, in, nil); err != nil {
			slog.Debug("menu or description not set", "err", err)
		}
	}
	set("setMyCommands", params{"scope": params{"type": "default"}, "commands": menuForAll})
	if group, _ := access.group(); group != 0 {
		c.call(ctx, "getChat", params{"chat_id": group}, nil) // tells of a migration
	}
	for _, id := range access.chats() {
		set("setMyCommands", params{"scope": params{"type": "chat", "chat_id": id}, "commands": menuForAccess})
	}
	set("setMyDescription", params{"description": botDescription})
	set("setMyShortDescription", params{"short_description": botShortDescription})
}
