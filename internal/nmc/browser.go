package nmc

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// A browser shows one of a card's pages at a time. It never leaves the card.
type browser struct {
	base    *url.URL // its scheme, host and port stay, whatever a redirect says
	client  http.Client
	timeout time.Duration // of a request

	target   *url.URL // of the last request
	refused  *url.URL // the redirect that was not followed, as an address on the card; nil for none
	here     *url.URL // of the page
	status   int      // its HTTP status
	basic    bool     // it demands HTTP Basic authentication
	page     page
	complete bool // the page was not cut off
}

func newBrowser(base *url.URL, pins *Pins, timeout time.Duration) *browser {
	var suites []uint16 // the oldest cards speak TLS 1.0 with RSA and 3DES, and nothing else
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		suites = append(suites, s.ID)
	}
	transport := &http.Transport{
		DialContext:        (&net.Dialer{Timeout: timeout}).DialContext,
		DisableCompression: true, // so that the length shows whether a page is complete

		MaxResponseHeaderBytes: maxHeader,

		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, // certificates are self-signed: the pins replace verification
			MinVersion:         tls.VersionTLS10,
			CipherSuites:       suites,
			VerifyConnection:   func(s tls.ConnectionState) error { return pins.check(base.Host, s) },
		},
	}
	return &browser{
		base:    base,
		here:    base,
		timeout: timeout,
		client: http.Client{
			Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // load follows redirects
			},
		},
	}
}

// forget starts afresh, without cookies: a cookie of an ended session is
// answered with status 400.
func (b *browser) forget() {
	b.client.Jar, _ = cookiejar.New(nil) // without options there is no error
	b.here = b.base
}

func (b *browser) close() { b.client.CloseIdleConnections() }

// get opens a page.
func (b *browser) get(ctx context.Context, u *url.URL) error {
	return b.load(ctx, http.MethodGet, u, "")
}

// submit sends a form of the page with the button at an index, as a browser
// does, but never twice.
func (b *browser) submit(ctx context.Context, f form, button int) error {
	u, err := b.resolve(f.action)
	if err != nil {
		return err
	}
	if f.method != "post" {
		u.RawQuery = f.submit(button)
		return b.get(ctx, u)
	}
	b.close() // net/http would repeat a request if the connection turned out dead
	return b.load(ctx, http.MethodPost, u, f.submit(button))
}

// resolve returns the URL of a reference on the page. It rejects any other
// host.
func (b *browser) resolve(ref string) (*url.URL, error) {
	from := b.here
	if b.page.base != "" {
		if u, err := b.here.Parse(b.page.base); err == nil {
			from = u
		}
	}
	u, err := from.Parse(ref)
	if err != nil {
		return nil, fmt.Errorf("%w: invalid link", ErrPage)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() != b.base.Hostname() {
		return nil, fmt.Errorf("%w: a link to another host, %q", ErrPage, shorten(u.Hostname(), 60))
	}
	if u.Scheme == "https" && b.base.Scheme == "http" {
		return nil, ErrNeedsHTTPS
	}
	return b.onCard(u), nil
}

// onCard returns the address on the card that has the path and query of a URL.
func (b *browser) onCard(u *url.URL) *url.URL {
	on := *u
	on.Scheme = b.base.Scheme
	on.Host = b.base.Host
	on.User = nil
	on.Fragment, on.RawFragment = "", ""
	return &on
}

// load requests a page and follows its redirects.
func (b *browser) load(ctx context.Context, method string, u *url.URL, body string) error {
	const maxRedirects = 10
	b.refused = nil
	for range maxRedirects + 1 {
		next, err := b.fetch(ctx, method, u, body)
		if err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		to, err := b.resolve(next)
		if err != nil {
			if elsewhere, err := b.here.Parse(next); err == nil {
				b.refused = b.onCard(elsewhere)
			}
			return err
		}
		if b.status == http.StatusOK && to.String() == u.String() {
			return nil // the page refreshes itself
		}
		method, u, body = http.MethodGet, to, ""
	}
	return fmt.Errorf("%w: redirect loop", ErrPage)
}

// fetch makes one request and reads the page. It returns where the page
// redirects to, or "". Its errors do not contain the URL, which has the
// session's token.
func (b *browser) fetch(ctx context.Context, method string, u *url.URL, body string) (next string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.timeout, fmt.Errorf("timed out after %s", b.timeout))
	defer cancel()
	b.target = u
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return "", withoutAddress(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}

	resp, err := b.client.Do(req)
	if err != nil {
		return "", requestError(ctx, err)
	}
	defer resp.Body.Close()
	isRedirect := resp.StatusCode/100 == 3
	if isRedirect {
		next = resp.Header.Get("Location")
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil && next == "" { // the text beside a Location does not matter
		return "", requestError(ctx, err)
	}
	b.show(u, resp, text)
	if isRedirect {
		return next, nil
	}
	return b.page.refresh, nil
}

const (
	maxPage   = 1 << 20  // bytes
	maxHeader = 64 << 10 // bytes; net/http by itself would keep 10 MB in memory
)

// show makes an answer the current page.
func (b *browser) show(u *url.URL, resp *http.Response, text []byte) {
	b.here, b.status = u, resp.StatusCode
	b.page = parsePage(text, resp.Header.Get("Content-Type"))
	scheme, _, _ := strings.Cut(resp.Header.Get("WWW-Authenticate"), " ")
	b.basic = resp.StatusCode == http.StatusUnauthorized && strings.EqualFold(scheme, "Basic")

	// If an answer ends with the connection, only its text can show that it is
	// complete.
	hasLength := resp.ContentLength >= 0 || resp.TransferEncoding != nil
	b.complete = len(text) < maxPage && (hasLength || bytes.Contains(bytes.ToLower(text), []byte("</html")))
}

// requestError says briefly why there is no answer.
func requestError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("no answer: %w", context.Cause(ctx))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the card dropped the connection")
	case isDialError(err):
		return fmt.Errorf("%w: %w", ErrUnreachable, withoutAddress(err))
	}
	return fmt.Errorf("no answer: %w", withoutAddress(err))
}

// isDialError reports whether an error is that no connection could be made.
func isDialError(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}

// withoutAddress returns the cause of an error of net/http, such as "connection
// refused" or "remote error: tls: handshake failure", without the URL, the addresses
// and the system call.
func withoutAddress(err error) error {
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e.Err
	}
	const tlsAlert = "remote error" // has no address, and says who refused
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Err != nil && e.Op != tlsAlert {
		return e.Err
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
