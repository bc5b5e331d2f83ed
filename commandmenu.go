package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// A menuCommand is a command in the menu that Telegram shows.
type menuCommand struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

// The menus, most used commands first.
var (
	menuForAll = []menuCommand{
		{"current", "power of each team now"},
		{"live", "power of each team, kept up to date"},
		{"graph", "picture of the power: /graph, /graph 101, /graph 101 90m"},
		{"peaks", "highest power of each PDU since its last reset"},
		{"peakdates", "the peaks and when they occurred"},
		{"exceedings", "how often each team was above the limit"},
		{"help", "what the bot can do"},
	}
	menuForAccess = slices.Insert(slices.Clone(menuForAll), len(menuForAll)-1,
		menuCommand{"reset", "reset a PDU's peak: /reset, /reset 101"},
		menuCommand{"log", "exceedings.log, the evidence"},
	)
)

// The bot's profile, which people read before they write to it.
var (
	botDescription = "Shows how much power the teams' racks draw, alerts the officials when a team goes over the " +
		"limit, and resets peaks.\n\n" + commandNames(menuForAccess) +
		"\n\n/reset and /log are for those on the access list."
	botShortDescription = "The power of the teams' racks: " + commandNames(menuForAll)
)

// commandNames returns the commands of a menu as one line.
func commandNames(menu []menuCommand) string {
	var names []string
	for _, c := range menu {
		names = append(names, "/"+c.Command)
	}
	return strings.Join(names, " ")
}

// helpText returns the answer to /start and /help, a short one in groups.
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

// setMenus registers the command menus and the bot's descriptions. Telegram
// shows the menu of the narrowest scope only, so those of the chats repeat the
// common commands. Failures do not matter, except that the error for a group
// that became a supergroup has its new ID.
func setMenus(ctx context.Context, c *client, access *accessList) {
	set := func(method string, in params) {
		if err := c.call(ctx, method, in, nil); err != nil {
			slog.Debug("menu or description not set", "err", err)
		}
	}
	set("setMyCommands", params{"scope": params{"type": "default"}, "commands": menuForAll})
	if group, _ := access.group(); group != 0 {
		c.call(ctx, "getChat", params{"chat_id": group}, nil) // its error reports a migration
	}
	for _, id := range access.chats() {
		set("setMyCommands", params{"scope": params{"type": "chat", "chat_id": id}, "commands": menuForAccess})
	}
	set("setMyDescription", params{"description": botDescription})
	set("setMyShortDescription", params{"short_description": botShortDescription})
}
