package nmc

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// visitPages visits a card that has only these pages, by path, and returns the
// requests. A page "-> /x" redirects to /x, and a page "500 text" is that status.
func visitPages(t *testing.T, unit int, pages map[string]string) (asked []string, err error) {
	t.Helper()
	return visitChain(t, unit, false, pages)
}

// visitChain is like visitPages for a card of which several units may be in use.
func visitChain(t *testing.T, unit int, chained bool, pages map[string]string) (asked []string, err error) {
	t.Helper()
	var mu sync.Mutex // guards asked
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		mu.Unlock()
		page, ok := pages[r.URL.RequestURI()]
		if to, found := strings.CutPrefix(page, "-> "); found {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		if status, err := strconv.Atoi(page[:min(3, len(page))]); err == nil {
			w.WriteHeader(status)
			fmt.Fprint(w, page[3:])
			return
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		// As in HTTP/1.0, the page ends with the connection.
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err == nil {
			fmt.Fprintf(buf, "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n%s", page)
			buf.Flush()
			conn.Close()
		}
	}))
	defer srv.Close()
	c := Client{URL: srv.URL, User: "apc", Password: "pw", Chained: chained, Timeouts: DefaultTimeouts}
	err = c.ResetPeak(t.Context(), unit, func(string) {}, func() {})
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(asked), err
}

const (
	loginPage = "<form method=post action=/Forms/login1><input name=login_username>" +
		"<input type=password name=login_password>" +
		"<input type=submit value='Log On'></form></html>"
	logoffLink = "<a href=/off>Log Off</a>"
	peakForm   = "<form method=post action=/apply><input name=name value=Rack><table><tr><td>Peak Power<td>" +
		"<input type=checkbox name=pk>Reset" +
		"<tr><td>Energy<td><input type=checkbox name=kwh>Reset</table><input type=submit name=go value=Apply></form>"
	peakPage    = logoffLink + peakForm + "</html>"
	confirmPage = "<form method=post action=/confirm><input type=hidden name=t value=x>" +
		"<input type=submit name=submit value=Apply><input type=submit name=submit value=Cancel></form></html>"
)

func TestVisit(t *testing.T) {
	const wholeApply = "POST /apply name=Rack&pk=on&go=Apply"
	for _, tt := range []struct {
		name  string
		home  string            // the page after the log-in
		pages map[string]string // besides that and the log-in page
		err   error
		want  string   // in the error
		asked []string // after the log-in
	}{
		{
			name:  "plain",
			home:  peakPage,
			pages: map[string]string{"/apply": logoffLink + "done</html>"},
			asked: []string{"GET /home", wholeApply, "GET /off"},
		},
		{
			name:  "somebody's name on the home page",
			home:  "Users currently logged in: apc" + peakPage,
			pages: map[string]string{"/apply": logoffLink},
			asked: []string{"GET /home", wholeApply, "GET /off"},
		},
		{
			name:  "page cut off",
			home:  strings.ReplaceAll(peakPage, "</form></html>", ""),
			pages: map[string]string{},
			err:   ErrPage,
			want:  "it was cut off",
			asked: []string{"GET /home", "GET /off"},
		},
		{
			name: "only menu words are followed",
			home: logoffLink + "<a href=/x>Reboot Device</a><a href='#'>Device</a><a href='javascript:x()'>Device</a>" +
				"<a href=/rpduconf.htm>Device</a><a href=/y>Device</a></html>",
			pages: map[string]string{"/y": "nothing</html>"},
			err:   ErrNoControl,
			want:  "on any of 2 pages",
			asked: []string{"GET /home", "GET /y", "GET /off"},
		},
		{
			name:  "log-in leads to nothing",
			home:  "-> /NMC/t+k-n/home.htm",
			pages: map[string]string{},
			want:  "status 404",
			asked: []string{"GET /home", "GET /NMC/t+k-n/home.htm", "GET /NMC/t+k-n/logout.htm"},
		},
		{
			name:  "confirm page",
			home:  peakPage,
			pages: map[string]string{"/apply": logoffLink + "<a href=/r>Reboot</a> Continue?" + confirmPage, "/confirm": "done"},
			asked: []string{"GET /home", wholeApply, "POST /confirm t=x&submit=Apply", "GET /off"},
		},
		{
			name:  "confirm page of outlets",
			home:  peakPage,
			pages: map[string]string{"/apply": "The outlets are switched off." + confirmPage},
			err:   ErrInterrupted,
			want:  "confirm something else",
			asked: []string{"GET /home", wholeApply, "GET /off"},
		},
		{
			name:  "rpduconf.htm",
			home:  peakPage,
			pages: map[string]string{"/apply": "-> /rpduconf.htm", "/rpduconf.htm": confirmPage},
			err:   ErrInterrupted,
			want:  "confirm something else",
			asked: []string{"GET /home", wholeApply, "GET /rpduconf.htm", "GET /off"},
		},
		{
			name:  "session ends with Apply",
			home:  peakPage,
			pages: map[string]string{"/apply": loginPage},
			err:   ErrInterrupted,
			want:  "ended the session",
			asked: []string{"GET /home", wholeApply, "GET /off"},
		},
		{
			name:  "session ends in the menu",
			home:  logoffLink + "<a href=/y>Device</a></html>",
			pages: map[string]string{"/y": loginPage},
			err:   ErrPage,
			want:  "ended the session",
			asked: []string{"GET /home", "GET /y", "GET /off"},
		},
		{
			name:  "session is dead in the menu",
			home:  logoffLink + "<a href=/x>Device</a><a href=/y>Device</a></html>",
			pages: map[string]string{"/x": "400", "/y": peakPage},
			err:   ErrPage,
			want:  "unexpected page: the card ended the session: the card answered with status 400",
			asked: []string{"GET /home", "GET /x", "GET /off"},
		},
		{
			name:  "page not for this user",
			home:  logoffLink + "<a href=/x.htm>Device</a><a href=/y>Device</a></html>",
			pages: map[string]string{"/x.htm": "403", "/y": peakPage, "/apply": "done"},
			asked: []string{"GET /home", "GET /x.htm", "GET /y", wholeApply, "GET /off"},
		},
		{
			name:  "no page for this user",
			home:  logoffLink + "<a href=/x.htm>Device</a></html>",
			pages: map[string]string{"/x.htm": "403"},
			err:   ErrPage,
			want:  "unexpected page: x.htm: the card answered with status 403; no control for the peak's reset on any of 2 pages",
			asked: []string{"GET /home", "GET /x.htm", "GET /off"},
		},
		{
			name:  "somebody else logged in meanwhile",
			home:  logoffLink + "<a href=/x.htm>Device</a><a href=/y>Device</a></html>",
			pages: map[string]string{"/x.htm": "403 Someone is currently logged into the card", "/y": peakPage},
			err:   ErrBusy,
			asked: []string{"GET /home", "GET /x.htm", "GET /off"},
		},
		{
			name:  "page in trouble",
			home:  logoffLink + "<a href=/x.htm>Device</a><a href=/y>Device</a></html>",
			pages: map[string]string{"/x.htm": "500", "/y": "nothing</html>"},
			err:   ErrPage,
			want:  "unexpected page: x.htm: the card answered with status 500; no control for the peak's reset on any of 3 pages",
			asked: []string{"GET /home", "GET /x.htm", "GET /y", "GET /off"},
		},
		{
			name:  "another page in trouble",
			home:  logoffLink + "<a href=/x.htm>Device</a><a href=/y>Device</a></html>",
			pages: map[string]string{"/x.htm": "500", "/y": peakPage, "/apply": "done"},
			asked: []string{"GET /home", "GET /x.htm", "GET /y", wholeApply, "GET /off"},
		},
		{
			name:  "locked account",
			home:  "User account of apc is locked. <a href=/>Log On</a></html>",
			pages: map[string]string{},
			err:   ErrPage,
			want:  `unexpected page after the log-in: "User account of ... is locked. Log On"`,
			asked: []string{"GET /home", "GET /logout.htm"},
		},
		{
			name:  "page that refreshes itself",
			home:  "<meta http-equiv=refresh content='0;url=/home'>" + peakPage,
			pages: map[string]string{"/apply": "done"},
			asked: []string{"GET /home", wholeApply, "GET /off"},
		},
		{
			name:  "refresh that ends the session",
			home:  "<meta http-equiv=refresh content='185;url=/off'>" + peakPage,
			pages: map[string]string{"/apply": "done"},
			asked: []string{"GET /home", wholeApply, "GET /off"},
		},
		{
			name:  "translated menu",
			home:  "<html lang=fr><a href=/off/logout.htm>Quitter</a><a href=/y>Appareil</a></html>",
			pages: map[string]string{},
			err:   ErrLanguage,
			want:  "French",
			asked: []string{"GET /home", "GET /off/logout.htm"},
		},
		{
			name:  "https after the log-in",
			home:  "-> https://127.0.0.1/home",
			pages: map[string]string{},
			err:   ErrNeedsHTTPS,
			asked: []string{"GET /home", "GET /logout.htm"},
		},
		{
			name:  "base",
			home:  "<base href=/b/>" + logoffLink + "<a href=y>Device</a></html>",
			pages: map[string]string{"/b/y": "nothing</html>"},
			err:   ErrNoControl,
			asked: []string{"GET /home", "GET /b/y", "GET /off"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.pages["/"], tt.pages["/Forms/login1"], tt.pages["/home"] = loginPage, "-> /home", tt.home
			asked, err := visitPages(t, 1, tt.pages)
			isExpected := tt.err == nil && (err != nil) == (tt.want != "") || tt.err != nil && errors.Is(err, tt.err)
			if !isExpected || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("got %v, want %v with %q", err, tt.err, tt.want)
			}
			if got := asked[2:]; !slices.Equal(got, tt.asked) {
				t.Errorf("asked for %q, want %q", got, tt.asked)
			}
		})
	}
}

// TestVisitUnits covers the ways to name and to choose the unit.
func TestVisitUnits(t *testing.T) {
	selector := func(selected int) string {
		s := "<form action=/home>Unit <select name=pdu>"
		for n := 1; n <= 2; n++ {
			s += fmt.Sprintf("<option value=%d", n)
			if n == selected {
				s += " selected"
			}
			s += fmt.Sprintf(">%d", n)
		}
		return s + "</select></form>"
	}
	posted := func(selector string) string {
		return strings.Replace(selector, "action=/home", "method=post action=/select", 1)
	}
	selectorInForm := func(selected int) string {
		inside := strings.TrimSuffix(strings.TrimPrefix(selector(selected), "<form action=/home>"), "</form>")
		return strings.Replace(peakPage, "<table>", "<p>"+inside+"</p><table>", 1)
	}
	const one, two = "<a href=?pdu=1>1</a>", "<a href=?pdu=2>2</a>"
	const page = peakPage
	for _, tt := range []struct {
		name  string
		pages map[string]string
		unit  int
		err   error
		last  string // the request before the form was sent
	}{
		{"own unit is not linked", map[string]string{"/home": two + page}, 1, nil, "GET /home"},
		{"own unit is the second", map[string]string{"/home": one + "<a href=?pdu=3>3</a>" + page}, 2, nil,
			"GET /home"},
		{"only the first is linked", map[string]string{"/home": one + page}, 2, ErrUnit, ""},
		{"link", map[string]string{"/home": two + page, "/home?pdu=2": one + page}, 2, nil, "GET /home?pdu=2"},
		{"link back", map[string]string{"/home": one + page, "/home?pdu=1": two + page}, 1, nil, "GET /home?pdu=1"},
		{"link to a page without the control", map[string]string{"/home": two + page, "/home?pdu=2": one}, 2,
			ErrNoControl, ""},
		{"no such unit", map[string]string{"/home": two + page}, 3, ErrUnit, ""},
		{"selector", map[string]string{"/home": selector(1) + page, "/home?pdu=2": selector(2) + page}, 2, nil,
			"GET /home?pdu=2"},
		{"selector that stays", map[string]string{"/home": selector(1) + page, "/home?pdu=2": selector(1) + page},
			2, ErrUnit, ""},
		{"posted selector", map[string]string{"/home": posted(selector(1)) + page, "/select": selector(2) + page}, 2, nil,
			"POST /select pdu=2"},
		{"posted selector that stays", map[string]string{"/home": posted(selector(1)) + page,
			"/select": selector(1) + page}, 2, ErrUnit, ""},
		{"selector in a form with more", map[string]string{"/home": strings.ReplaceAll(selector(1), "Unit",
			"<input name=n>Unit") + page}, 2, ErrUnit, ""},
		{"selector in the form too", map[string]string{"/home": selector(1) + selectorInForm(1),
			"/home?pdu=2": selector(2) + selectorInForm(2)}, 2, nil, "GET /home?pdu=2"},
		{"selector in the form that stays", map[string]string{"/home": selector(1) + selectorInForm(1),
			"/home?pdu=2": selector(2) + selectorInForm(1)}, 2, ErrUnit, ""},
		{"two selectors", map[string]string{"/home": selector(1) + selector(1) + page}, 1, ErrUnit, ""},
		{"selector of links", map[string]string{"/home": "<form><select name=go>" +
			"<option value=?pdu=1 selected>Rack PDU 1<option value=?pdu=2>Rack PDU 2</select></form>" + page,
			"/home?pdu=2": page}, 2, nil, "GET /home?pdu=2"},
		{"page of the unit in trouble", map[string]string{"/home": two + page, "/home?pdu=2": "500"}, 2, ErrPage, ""},
		{"menu leads to another unit's page", map[string]string{"/home": "<a href=/d?pdu=2>Rack PDU 2</a></html>",
			"/d?pdu=2": page}, 1, ErrUnit, ""},
		{"menu leads to each unit's page", map[string]string{"/home": "<a href=/d?pdu=2>Rack PDU 2</a>" +
			"<a href=/d?pdu=1>Rack PDU 1</a></html>", "/d?pdu=2": page, "/d?pdu=1": page}, 1, nil, "GET /d?pdu=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.pages["/"], tt.pages["/Forms/login1"], tt.pages["/apply"] = loginPage, "-> /home", "done"
			asked, err := visitPages(t, tt.unit, tt.pages)
			if !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			i := slices.IndexFunc(asked, func(s string) bool { return strings.HasPrefix(s, "POST /apply") })
			if (i >= 0) != (tt.err == nil) || i > 0 && asked[i-1] != tt.last {
				t.Errorf("asked for %q, want last %q", asked, tt.last)
			}
		})
	}
}

// TestFreshCookies checks that each attempt to log in begins without cookies: a
// cookie of an ended session is answered with status 400.
func TestFreshCookies(t *testing.T) {
	tries := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; len(r.Cookies()) > 0 {
			t.Errorf("try %d has cookies %v", tries, r.Cookies())
		}
		http.SetCookie(w, &http.Cookie{Name: "C0", Value: "x"})
		if tries == 1 {
			fmt.Fprint(w, "Someone is currently logged into the card.")
		}
	}))
	defer srv.Close()
	c := Client{URL: srv.URL, Timeouts: Timeouts{Busy: 100 * time.Millisecond}}
	if err := c.FindPeak(t.Context(), 1); !errors.Is(err, ErrPage) || tries != 2 {
		t.Errorf("got %v after %d tries", err, tries)
	}
}

// TestLogoff checks that a visit logs off wherever the answer to the log-in
// led, and what it remembers if that fails.
func TestLogoff(t *testing.T) {
	const session = "/NMC/t+k-n/"
	for _, tt := range []struct {
		name   string
		login  string // the answer to the log-in
		logoff []int  // the status of each answer to the log-off
		open   bool   // the session may be open afterwards
	}{
		{"plain", "Location: " + session + "home.htm\r\nContent-Length: 0\r\n\r\n", []int{200}, false},
		{"redirect cut off", "Location: " + session + "home.htm\r\nContent-Length: 9\r\n\r\n<html", []int{200}, false},
		{"https", "Location: https://127.0.0.1" + session + "home.htm\r\nContent-Length: 0\r\n\r\n", []int{200}, false},
		{"own host name", "Location: http://apc101.local" + session + "home.htm?a=b\r\nContent-Length: 0\r\n\r\n",
			[]int{200}, false},
		{"error, then done", "Location: " + session + "home.htm\r\nContent-Length: 0\r\n\r\n", []int{503, 200}, false},
		{"errors", "Location: " + session + "home.htm\r\nContent-Length: 0\r\n\r\n", []int{503, 500}, true},
		{"session over", "Location: " + session + "home.htm\r\nContent-Length: 0\r\n\r\n", []int{400}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var loggedOff atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodPost:
					conn, buf, err := http.NewResponseController(w).Hijack()
					if err == nil {
						fmt.Fprint(buf, "HTTP/1.1 303 See Other\r\nConnection: close\r\n"+tt.login)
						buf.Flush()
						conn.Close()
					}
				case r.URL.Path == "/":
					fmt.Fprint(w, loginPage)
				case r.URL.Path == session+"logout.htm":
					n := int(loggedOff.Add(1))
					w.WriteHeader(tt.logoff[min(n, len(tt.logoff))-1])
				case r.URL.Path == session+"home.htm":
					fmt.Fprint(w, "<html>Rack PDU 2G</html>")
				default:
					t.Errorf("asked for %s", r.URL)
				}
			}))
			defer srv.Close()
			c := Client{URL: srv.URL, User: "apc", Password: "pw", Memory: new(Memory)}
			if err := c.FindPeak(t.Context(), 1); err == nil {
				t.Error("found the peak on a page without it")
			}
			if n := int(loggedOff.Load()); n != len(tt.logoff) {
				t.Errorf("asked to log off %d times, want %d", n, len(tt.logoff))
			}
			if _, open := c.Memory.openSession(c.URL, time.Now()); open != tt.open {
				t.Errorf("the session may be open: %t, want %t", open, tt.open)
			}
		})
	}
}

// TestOwnSession checks that the error for a busy card mentions a session that
// could not be ended, as long as it may be open.
func TestOwnSession(t *testing.T) {
	t.Parallel()
	c := newCard(t, venue.TokenPath, 1, nil)
	c.SetFaults(venue.WebFaults{At: "logout", Hang: true})
	c.client.Timeouts = Timeouts{Request: 200 * time.Millisecond}
	c.client.Memory = new(Memory)
	if err := c.client.FindPeak(t.Context(), 1); err != nil {
		t.Errorf("got %v", err)
	}
	c.SetFaults(venue.WebFaults{})
	err := c.client.FindPeak(t.Context(), 1)
	if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "this program's own session") {
		t.Errorf("got %v", err)
	}
	if _, open := c.client.Memory.openSession(c.client.URL, time.Now().Add(sessionTimeout)); open {
		t.Error("the session is believed to be open for too long")
	}
}

// TestEchoedSecrets checks that a card that shows the password and the session's
// token wherever it can brings neither into an error or a summary.
func TestEchoedSecrets(t *testing.T) {
	const password, token = `Secr3t/&pa ss"word`, "abcdefghijklmnopqrst"
	shown := html.EscapeString(password)
	escaped := url.PathEscape(password)
	for name, home := range map[string]string{
		"several controls": `<form name="` + shown + `" action="/x/` + shown + `" method=post><table>` +
			`<tr><td>Peak Power (last reset by ` + shown + `)<td><input type=checkbox name="` + shown + `"> Reset` +
			`<tr><td>Peak Power (last reset in ` + token + `)<td><input type=checkbox name=b> Reset</table>` + apply +
			`</form>`,
		"no Apply": `<form method=post><table><tr><td>Peak Power (last reset by ` + shown + `)` +
			`<td><input type=checkbox name=a> Reset<tr><td>x</table></form>`,
		"no control": `<form method=post><input type="` + shown + `" name="` + url.QueryEscape(password) + `"></form>`,
		"a message":  `Welcome ` + shown,
		"language":   `<form><select name=l><option selected>` + shown + `<option>English</select></form>`,
	} {
		t.Run(name, func(t *testing.T) {
			links := `<title>` + shown + `</title><a href="/off/` + escaped + `">` + shown + `</a>` +
				`<a href="/x/` + url.QueryEscape(password) + `?` + shown + `">` + token + `</a>`
			if name == "a message" {
				links = ""
			}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodPost:
					http.Redirect(w, r, "/NMC/"+token+"/home.htm", http.StatusSeeOther)
				case r.URL.Path == "/":
					fmt.Fprint(w, loginPage)
				default:
					fmt.Fprint(w, "<html>"+links+home+"</html>")
				}
			}))
			defer srv.Close()
			c := Client{URL: srv.URL, User: "apc", Password: password}
			err := c.FindPeak(t.Context(), 1)
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			said := err.Error() + "\n" + strings.Join(e.Pages, "\n")
			for _, secret := range []string{"Secr3t", "pa ss", "ss%22word", "word", token} {
				if strings.Contains(strings.ReplaceAll(said, "login_password", ""), secret) {
					t.Errorf("%q is in\n%s", secret, said)
				}
			}
		})
	}
}
