package wal

import (
	"sync"
	"time"

	"github.com/pandodb/pando/internal/base"
)

// spare keeps the next segment ready: made, filled and under its final name
// in the background, so that rolling to it costs nothing, and so that a full
// disk is noticed while there is still a segment to write to.
type spare struct {
	log *Log
	mu  struct {
		sync.Mutex
		changed sync.Cond
		want    uint64   // number of the next segment
		have    *segment // ready, not yet used
		err     error    // why the last try failed
		again   bool     // try again in spite of err
		stop    bool
	}
}

func newSpare(l *Log) *spare {
	s := &spare{log: l}
	s.mu.changed.L = &s.mu.Mutex
	return s
}

// run prepares segments until stop.
func (s *spare) run() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.mu.stop {
		if s.mu.have != nil || s.mu.want == 0 || (s.mu.err != nil && !s.mu.again) {
			s.mu.changed.Wait()
			continue
		}
		s.mu.again = false
		want := s.mu.want
		s.mu.Unlock()
		seg, err := s.log.create(want, true)
		s.mu.Lock()
		s.mu.have, s.mu.err = seg, err
		s.mu.changed.Broadcast()
	}
}

// adopt takes over a segment that was ready when the process ended.
func (s *spare) adopt(seg *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.have = seg
}

// prepare asks for the segment with that number.
func (s *spare) prepare(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.want, s.mu.err = number, nil
	s.mu.changed.Broadcast()
}

// take waits for the next segment and hands it over.
func (s *spare) take() (*segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.mu.have == nil && s.mu.err == nil {
		s.mu.changed.Wait()
	}
	if s.mu.have == nil {
		return nil, s.pressureLocked()
	}
	seg := s.mu.have
	s.mu.have, s.mu.want = nil, 0
	return seg, nil
}

// pressure is Log.Pressure.
func (s *spare) pressure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pressureLocked()
}

// pressureLocked returns the error of the last try and starts another one.
func (s *spare) pressureLocked() error {
	if s.mu.err == nil {
		return nil
	}
	s.mu.again = true
	s.mu.changed.Broadcast()
	return base.Retry(time.Second, "log: no next segment: %w", s.mu.err)
}

// stop ends run. The writer must be done: it may wait in take.
func (s *spare) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.stop = true
	s.mu.changed.Broadcast()
}

// close closes the segment that was not used; it serves the next Open.
func (s *spare) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.have == nil {
		return nil
	}
	return s.mu.have.close()
}
