package venue

import (
	"fmt"
	"slices"
	"strings"
)

// htmlTags are the elements of Telegram's HTML.
var htmlTags = strings.Fields("a b strong i em u ins s strike del tg-spoiler pre code blockquote")

// unescape replaces the character references that programs write.
var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "&quot;", `"`, "&#34;", `"`, "&#39;", "'")

// plainText returns the text of Telegram's HTML as people read it, and whether it
// has a <pre> block. The error is worded as Telegram's.
func plainText(html string) (text string, pre bool, err error) {
	var b strings.Builder
	var open []string
	for {
		before, rest, found := strings.Cut(html, "<")
		unescape.WriteString(&b, before)
		if !found {
			break
		}
		tag, rest, closed := strings.Cut(rest, ">")
		html = rest

		name, _, _ := strings.Cut(strings.ToLower(tag), " ")
		end, isEnd := strings.CutPrefix(name, "/")
		last := len(open) - 1
		switch {
		case isEnd && (last < 0 || end != open[last]):
			return "", false, fmt.Errorf("unexpected end tag %q", end)
		case isEnd:
			open = open[:last]
		case !closed || !slices.Contains(htmlTags, name):
			return "", false, fmt.Errorf("unsupported start tag %q", name)
		default:
			open = append(open, name)
			pre = pre || name == "pre"
		}
	}
	if len(open) > 0 {
		return "", false, fmt.Errorf("can't find end tag corresponding to start tag %q", open[len(open)-1])
	}
	return b.String(), pre, nil
}
