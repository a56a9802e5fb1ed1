// Command ftw runs a directory of regression tests over HTTP with go-ftw's runner.
//
// It is go-ftw's `run` command with three differences: a case whose connection fails counts as failed instead of
// ending the run; a case that fails is run again, because the log is read while it is written; and the
// origin that answers `/reflect` (albedo) can be served as well.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/coreruleset/albedo/server"
	schema "github.com/coreruleset/ftw-tests-schema/v2/types"
	"github.com/coreruleset/go-ftw/v2/config"
	"github.com/coreruleset/go-ftw/v2/ftwhttp"
	"github.com/coreruleset/go-ftw/v2/output"
	"github.com/coreruleset/go-ftw/v2/runner"
	"github.com/coreruleset/go-ftw/v2/test"
	"github.com/coreruleset/go-ftw/v2/waflog"
	"github.com/rs/zerolog"
)

// summary is what the run writes to standard output, as JSON.
type summary struct {
	Total    int               `json:"total"`
	Passed   int               `json:"passed"`
	Repeated []string          `json:"repeated"`
	Ignored  []string          `json:"ignored"`
	Failed   map[string]string `json:"failed"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ftw:", err)
		os.Exit(1)
	}
}

func run() error {
	origin := flag.String("origin", "", "serve the origin on this `ADDRESS`, and nothing else")
	directory := flag.String("dir", "", "`DIR` of the tests")
	settings := flag.String("config", "", "`FILE` of go-ftw's configuration")
	address := flag.String("address", "127.0.0.1", "`HOST` under test")
	port := flag.Int("port", 80, "`PORT` under test")
	log := flag.String("log", "", "`FILE` with the firewall's log")
	include := flag.String("include", "", "`REGEX` of the cases to run")
	flag.Parse()
	zerolog.SetGlobalLevel(zerolog.Disabled)
	if *origin != "" {
		return serve(*origin)
	}
	if *directory == "" || *log == "" {
		return errors.New("-dir and -log are needed")
	}
	chosen, err := configure(*settings, *address, *port, *log, *include)
	if err != nil {
		return err
	}
	tests, err := test.GetTestsFromFiles(filepath.Join(*directory, "**", "*.yaml"))
	if err != nil {
		return fmt.Errorf("no tests in %s: %w", *directory, err)
	}
	found, err := runAll(chosen, tests)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// serve answers as the tests of responses need it, until the process is ended.
func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return (&http.Server{Handler: reading(server.Handler()), ReadHeaderTimeout: time.Minute}).Serve(listener)
}

// reading takes the whole request before it is answered, as applications do and albedo does not. An answer
// that overtakes its request is not inspected, and the request is recorded when it is over.
func reading(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, 1<<24))
		if err != nil {
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(response, request)
	})
}

func configure(settings, address string, port int, log, include string) (*config.RunnerConfig, error) {
	read := config.NewDefaultConfig()
	if settings != "" {
		var err error
		if read, err = config.NewConfigFromFile(settings); err != nil {
			return nil, fmt.Errorf("%s: %w", settings, err)
		}
	}
	read.TestOverride.Overrides.DestAddr = &address
	read.TestOverride.Overrides.Port = &port
	read.LogFile = log
	chosen := config.NewRunnerConfiguration(read)
	chosen.ConnectTimeout = 5 * time.Second
	chosen.ReadTimeout = 20 * time.Second
	// A marker is looked for until the record of it is written.
	chosen.MaxMarkerRetries = 500
	chosen.Output = output.Quiet
	if include != "" {
		pattern, err := regexp.Compile(include)
		if err != nil {
			return nil, err
		}
		chosen.Include = pattern
	}
	return chosen, nil
}

// runAll runs each case by itself, so that one that breaks its connection does not end the others.
func runAll(chosen *config.RunnerConfig, tests []*test.FTWTest) (*summary, error) {
	lines, err := waflog.NewFTWLogLines(chosen)
	if err != nil {
		return nil, err
	}
	client, err := ftwhttp.NewClient(chosen)
	if err != nil {
		return nil, err
	}
	found := &summary{Repeated: []string{}, Ignored: []string{}, Failed: map[string]string{}}
	for _, file := range tests {
		for _, testCase := range file.Tests {
			single := *file
			single.Tests = []schema.Test{testCase}
			for attempt := 1; ; attempt++ {
				context := &runner.TestRunContext{
					RunnerConfig: chosen,
					Include:      chosen.Include,
					Output:       output.NewOutput(string(output.Quiet), os.Stderr),
					Stats:        runner.NewRunStats(),
					Client:       client,
					LogLines:     lines,
				}
				err := runner.RunTest(context, &single)
				if (err == nil && context.Stats.TotalFailed() == 0) || attempt == attempts {
					found.add(&testCase, context, err)
					break
				}
				found.Repeated = append(found.Repeated, fmt.Sprint(testCase.IdString(), ": ", err, context.Stats.TriggeredRules))
				time.Sleep(pause)
			}
		}
	}
	return found, nil
}

// attempts is how often a case is run before it counts as failed.
const attempts = 5

// pause is how long a case waits before it is run again.
const pause = 50 * time.Millisecond

func (found *summary) add(testCase *schema.Test, context *runner.TestRunContext, err error) {
	name, stats := testCase.IdString(), context.Stats
	if len(stats.Skipped) > 0 {
		return
	}
	found.Total++
	switch {
	case err != nil:
		found.Failed[name] = err.Error()
	case stats.TotalFailed() > 0:
		found.Failed[name] = fmt.Sprintf("rules in the log: %v", stats.TriggeredRules[name])
	case len(stats.Ignored) > 0:
		found.Ignored = append(found.Ignored, name)
	default:
		found.Passed++
	}
}
