package main

import "time"

// The limits of the Bot API, https://core.telegram.org/bots/api and
// https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this.
const (
	maxText    = 4096 // UTF-16 code units of a message, without the markup
	maxCaption = 1024 // likewise, of a file
	maxButtons = 100  // of a message

	groupMinute = 20          // messages and edits a minute in a group
	privatePace = time.Second // between two messages to a person
	groupPace   = time.Minute / groupMinute
	crowdedPace = 3400 * time.Millisecond // to a group, after a message that joined several alerts
	burst       = 2                       // messages by which what is urgent may run ahead of the pace
	overallPace = time.Second / 25        // over all chats: Telegram takes 30 a second, and alerts do not wait
)
