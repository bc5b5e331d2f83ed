package nmc

import (
	"slices"
	"strings"
)

// inEnglish returns a log-in form with English chosen if the form offers it:
// cards translate their pages.
func inEnglish(f form) form {
	for i, c := range f.controls {
		if c.disabled {
			continue
		}
		if k := englishOption(c); k >= 0 {
			f = f.choose(i, k)
		}
		if c.kind == "radio" && has(words(c.labels.own+" "+c.labels.after), "english") {
			f = f.check(i)
		}
	}
	return f
}

// englishOption returns the index of the option of a control that means
// English, or -1.
func englishOption(c control) int {
	if !hasPart(words(c.name+" "+c.labels.own), "lang") && !slices.ContainsFunc(c.options, saysEnglish) {
		return -1
	}
	return slices.IndexFunc(c.options, func(o option) bool {
		return !o.disabled && (saysEnglish(o) || o.value == "00000000")
	})
}

func saysEnglish(o option) bool { return has(words(o.text), "english") }

// A language is one that cards offer besides English.
type language struct {
	name, code string
	words      []string // from the menu; none of them is English
}

var languages = []language{
	{"German", "de", []string{"abmelden", "konfiguration", "gerät", "zurücksetzen", "übernehmen"}},
	{"French", "fr", []string{"déconnexion", "accueil", "périphérique", "appareil", "réinitialiser", "appliquer"}},
	{"Spanish", "es", []string{"sesión", "configuración", "inicio", "dispositivo", "restablecer", "aplicar"}},
	{"Italian", "it", []string{
		"disconnetti", "disconnessione", "configurazione", "dispositivo", "applica", "registri",
	}},
	{"Portuguese", "pt", []string{"sair", "configuração", "início", "dispositivo", "redefinir", "aplicar"}},
	{"Russian", "ru", []string{"выход", "выйти", "конфигурация", "настройка", "устройство", "применить"}},
	{"Japanese", "ja", []string{"ログオフ", "ログアウト", "構成", "設定", "デバイス", "ホーム"}},
	{"Korean", "ko", []string{"로그오프", "로그아웃", "구성", "설정", "장치", "홈"}},
	{"Chinese", "zh", []string{"注销", "退出", "配置", "设备", "主页", "應用", "设置"}},
}

// foreignLanguage returns the language of a page if it seems not to be English,
// or "".
func foreignLanguage(p page) string {
	code, _, _ := strings.Cut(strings.ToLower(p.language), "-")
	for _, l := range languages {
		if l.code == code {
			return l.name
		}
	}
	if name := selectedLanguage(p); name != "" {
		return name
	}

	list := words(p.text[:min(len(p.text), 20_000)])
	best, matches := "", 1 // a single word may be a name
	for _, l := range languages {
		n := 0
		for _, w := range l.words {
			if slices.Contains(list, w) {
				n++
			}
		}
		if n > matches {
			best, matches = l.name, n
		}
	}
	return best
}

// selectedLanguage returns the language selected on a page that offers several,
// unless it is English.
func selectedLanguage(p page) string {
	for _, f := range p.forms {
		for _, c := range f.controls {
			english := slices.IndexFunc(c.options, saysEnglish)
			chosen := slices.IndexFunc(c.options, func(o option) bool { return o.selected })
			if english >= 0 && chosen >= 0 && !saysEnglish(c.options[chosen]) {
				return shorten(c.options[chosen].text, 30)
			}
		}
	}
	return ""
}
