package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
)

// cause returns the part of a network error that is of use to a person. It
// drops the wrapper of net/http, which has the URL and thus the token, and that
// of package net, which has our own port, different each time.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		if e.IsNotFound {
			return fmt.Errorf("there is no host %s", e.Name)
		}
		return fmt.Errorf("the address of %s cannot be found: no DNS server answers", e.Name)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Err != nil {
		if err = e.Err; errors.As(err, new(*os.SyscallError)) {
			err = errors.Unwrap(err)
		}
		if e.Op == "dial" && e.Addr != nil {
			return fmt.Errorf("%s: %w", e.Addr, err)
		}
		return err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time")
	case err == io.EOF:
		return errors.New("the connection was closed without an answer")
	}
	return err
}
