// h3 takes requests of HTTP/1.1 and sends them on over HTTP/3, so that a test's client, which speaks no HTTP/3,
// asks a server that does. It says where it listens on its standard output, and ends with its standard input.
//
//	h3 HOST:PORT
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"

	"github.com/quic-go/quic-go/http3"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: h3 HOST:PORT")
	}
	server := &url.URL{Scheme: "https", Host: os.Args[1]}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(server)
			request.Out.Host = request.In.Host
			// Of what clients say, nothing is left out.
			request.Out.URL.RawQuery = request.In.URL.RawQuery
		},
		// The certificate is a test's own.
		Transport: &http3.Transport{
			TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
			DisableCompression: true,
		},
		FlushInterval: -1,
		ErrorHandler: func(out http.ResponseWriter, _ *http.Request, err error) {
			http.Error(out, err.Error(), http.StatusBadGateway)
		},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(listener, proxy))
}
