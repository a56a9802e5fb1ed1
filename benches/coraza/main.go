// Command coraza is a reverse proxy behind Coraza's HTTP handler, to be measured beside others.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"github.com/corazawaf/coraza/v3"
	wafhttp "github.com/corazawaf/coraza/v3/http"
	"github.com/corazawaf/coraza/v3/types"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "coraza:", err)
		os.Exit(1)
	}
}

func run() error {
	listen := flag.String("listen", "", "serve on this `ADDRESS`")
	upstream := flag.String("upstream", "", "the application's `ADDRESS`")
	rules := flag.String("rules", "", "`FILE` of directives")
	flag.Parse()
	settings := coraza.NewWAFConfig().WithErrorCallback(report).WithDirectivesFromFile(*rules)
	waf, err := coraza.NewWAF(settings)
	if err != nil {
		return err
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: *upstream})
	// As many idle connections as the others keep; answers are passed on as they are encoded.
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true}
	server := &http.Server{Addr: *listen, Handler: wafhttp.WrapHandler(waf, proxy), ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}

// report writes what matched to standard error, as a server's error log would have it.
func report(matched types.MatchedRule) {
	fmt.Fprintln(os.Stderr, matched.ErrorLog())
}
