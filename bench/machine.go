// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// memory is what a process has of the machine's memory, in bytes.
type memory struct {
	now, peak int64
	known     bool // false where there is no /proc
}

func (m memory) String() string {
	if !m.known {
		return "not known on " + runtime.GOOS
	}
	return fmt.Sprintf("%.0f MiB (peak %.0f)", float64(m.now)/(1<<20), float64(m.peak)/(1<<20))
}

func readMemory(pid int) memory {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}
	}
	return parseStatus(text)
}

// parseStatus reads the resident memory out of /proc/PID/status.
func parseStatus(text []byte) memory {
	var m memory
	var hasNow, hasPeak bool
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch key {
		case "VmRSS":
			m.now, hasNow = kilobytes(value)
		case "VmHWM":
			m.peak, hasPeak = kilobytes(value)
		}
	}
	m.known = hasNow && hasPeak
	return m
}

func kilobytes(s string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(s, "kB")), 10, 64)
	return n << 10, err == nil
}

// describeMachine says what the numbers were measured on, and how busy it was.
func describeMachine() string {
	parts := []string{fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), runtime.Version()}
	if model := procValue("/proc/cpuinfo", "model name"); model != "" {
		parts = append(parts, model)
	}
	if kb, ok := kilobytes(procValue("/proc/meminfo", "MemTotal")); ok {
		parts = append(parts, fmt.Sprintf("%.0f GiB", float64(kb)/(1<<30)))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil && len(bytes.Fields(load)) > 0 {
		parts = append(parts, fmt.Sprintf("load before %s", bytes.Fields(load)[0]))
	}
	return strings.Join(parts, ", ")
}

func procValue(path, key string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if k, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
