package main

import "time"

// The limits of the Bot API; see https://core.telegram.org/bots/api and
// https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this.
const (
	maxText    = 4096 // UTF-16 code units in a message, without markup
	maxCaption = 1024 // likewise in the caption of a file
	maxButtons = 100  // below a message
	maxMarkup  = 8000 // bytes of their JSON; slightly more is refused as "reply markup is too long"

	maxPerMinute = 20          // messages and edits a minute in a group
	privatePace  = time.Second // between two messages to a person
	groupPace    = time.Minute / maxPerMinute
	crowdedPace  = 3400 * time.Millisecond // in a group, after a message that joined several alerts
	maxBurst     = 2                       // messages by which urgent ones may exceed the pace
	overallPace  = time.Second / 25        // over all chats: Telegram accepts 30 a second, and alerts do not wait
)
