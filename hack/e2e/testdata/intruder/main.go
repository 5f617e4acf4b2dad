// Command intruder does what a malicious RUN step would do: it tries to drive the daemon through the port that it
// shares with it. It prints what happened to each attempt, and "let in" when one succeeds.
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"time"
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

func main() {
	address := os.Args[1]
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		fmt.Println("tcp:", err)
		os.Exit(1)
	}
	fmt.Println("tcp: connected")
	report("plain http/2", conn)

	conn, err = tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		fmt.Println("tls without a certificate: refused:", err)
		return
	}
	report("tls without a certificate", conn)
}

// report speaks HTTP/2 and looks for the server's SETTINGS frame (type 4): who gets it is let in.
func report(attempt string, conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = conn.Write([]byte(preface))
	frame := make([]byte, 9)
	if n, err := conn.Read(frame); err != nil || n < 4 || frame[3] != 4 || frame[0] != 0 {
		fmt.Printf("%s: refused: %v %x\n", attempt, err, frame[:n])
		return
	}
	fmt.Println(attempt + ": let in")
}
