package main

import "testing"

// TestWidth checks how many columns characters take up in a chat.
func TestWidth(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want int
	}{
		"nothing":                       {"", 0},
		"ASCII":                         {"A1 _~", 5},
		"an umlaut":                     {"\u00fc", 1},
		"an umlaut of two runes":        {"u\u0308", 1},
		"Greek, Cyrillic":               {"\u03a9\u042f", 2},
		"a bar, an ellipsis":            {"▇░…", 3},
		"Han":                           {"\u6e05\u534e", 4},
		"rare Han":                      {"\U00020bb7", 2},
		"Hiragana":                      {"\u3042", 2},
		"Hiragana with a mark":          {"\u304b\u3099", 2},
		"Katakana":                      {"\u30c1\u30fc\u30e0", 6}, // with the long vowel's mark
		"half width Katakana":           {"\uff81\uff70\uff91", 3},
		"half width voiced Katakana":    {"\uff76\uff9e", 2},
		"Bopomofo":                      {"\u3105\u31a0", 4},
		"Hangul":                        {"\ud55c\uae00", 4},
		"Hangul by letters":             {"\u1112\u1161\u11ab", 2},
		"half width Hangul":             {"\uffa1", 1},
		"ideographic punctuation":       {"\u3001\u3002\u3008\u3009\u3000", 10},
		"its half width forms":          {"\uff61\uff62\uff64", 3},
		"full width letters":            {"\uff21\uff01\uff5e", 6},
		"full width signs":              {"\uffe5", 2},
		"angle brackets":                {"\u2329\u232a", 4},
		"a Yi syllable":                 {"\ua000", 2},
		"emoji of the first plane":      {"\u26a1\u2705\u2b50\u2615\u231a\u23f3\u274e\u26d4", 16},
		"their neighbors":               {"\u26a0\u2704\u2b51\u2616\u2319\u23f1\u274d\u26d3", 8},
		"emoji":                         {"\U0001f004\U0001f3c1\U0001f600\U0001f680\U0001f916\U0001fae0", 12},
		"a symbol made an emoji":        {"\u2764\ufe0f\u26a0\ufe0f", 4},
		"a symbol":                      {"\u2764\u26a0", 2},
		"an emoji made an emoji":        {"\u26a1\ufe0f", 2},
		"a keycap":                      {"1\ufe0f\u20e3", 2},
		"a flag":                        {"\U0001f1e9\U0001f1ea", 2},
		"a flag of tags":                {"\U0001f3f4\U000e0067\U000e0062\U000e007f", 2},
		"a skin tone":                   {"\U0001f44d\U0001f3fd", 2},
		"a skin tone after a symbol":    {"\u261d\U0001f3fd", 2},
		"a family":                      {"\U0001f468\u200d\U0001f469\u200d\U0001f467", 2},
		"two families":                  {"\U0001f468\u200d\U0001f467\U0001f468\u200d\U0001f467", 4},
		"an emoji joined with a symbol": {"\U0001f469\U0001f3fd\u200d\u2695\ufe0f!", 3},
		"a symbol joined with an emoji": {"\u2764\u200d\U0001f525", 2},
		"joined letters":                {"\u0915\u094d\u200d\u0937", 2},
		"a joiner at the beginning":     {"\u200d\U0001f525", 2},
		"invisible runes":               {"a\u200b\u00ad\ufeff", 1},
		"not UTF-8":                     {"a\xffb", 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := width(tt.text); got != tt.want {
				t.Errorf("%q (%+q) has %d columns, want %d", tt.text, tt.text, got, tt.want)
			}
		})
	}
}

// TestCutMiddle checks that texts are cut between characters.
func TestCutMiddle(t *testing.T) {
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{
		{"", 6, ""},
		{"Team 1", 6, "Team 1"},
		{"Team 10", 6, "Tea…10"},
		{"清华大学", 8, "清华大学"},
		{"清华大学", 7, "清华…学"},
		{"ﾁｰﾑﾁｰﾑ", 6, "ﾁｰﾑﾁｰﾑ"},
		{"チームチーム", 6, "チ…ム"},
		{"u\u0308u\u0308u\u0308u\u0308", 3, "u\u0308…u\u0308"},
		{"👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 8, "👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧"},
		{"👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 7, "👨‍👩‍👧👨‍👩‍👧…👨‍👩‍👧"},
	} {
		got := cutMiddle(tt.text, tt.n)
		if got != tt.want {
			t.Errorf("%q cut to %d columns is %q, want %q", tt.text, tt.n, got, tt.want)
		}
		if n := width(got); n > tt.n {
			t.Errorf("%q has %d columns, want at most %d", got, n, tt.n)
		}
	}
}
