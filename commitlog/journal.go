package commitlog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sextant/commitlog/vfs"
)

// journal is one file of frames of all partitions. Only the newest is written.
type journal struct {
	number  int64
	file    *sharedFile
	size    int64 // durable bytes; the writer's own, fixed once the file is closed
	created int64 // Unix milliseconds
	bytes   int64 // of batches
}

const journalDir = "journal"

func journalName(number int64) string { return fmt.Sprintf("%016d.log", number) }

func parseJournalName(name string) (number int64, ok bool) {
	digits, ok := strings.CutSuffix(name, ".log")
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n > 0
}

// roll makes the next journal and durable its name and head, so that whatever
// is found behind the head later was written on purpose. The writer calls it.
func (d *Disk) roll() error {
	number := d.nextJournal
	dir := d.dir + "/" + journalDir
	name := dir + "/" + journalName(number)
	f, err := d.fs.Create(name)
	if err != nil {
		return err
	}
	now := d.opt.Now().UnixMilli()
	head := frame{kind: frameHead, base: number, last: d.prevLength, time: now, leaf: d.tree.size()}
	b := make([]byte, frameLen)
	head.encode(b)
	if err = f.WriteAt([][]byte{b}, 0); err == nil {
		if err = f.Sync(); err == nil {
			err = d.fs.SyncDir(dir)
		}
	}
	if err != nil {
		// Should the file stay, it is an empty journal with nothing acknowledged in it:
		// the next attempt replaces it, and so does recovery.
		return errors.Join(err, f.Close(), ignoreFull(d.fs.Remove(name)))
	}
	j := &journal{number: number, file: share(f, name), size: frameLen, created: now}
	d.cur, d.nextJournal = j, number+1
	d.mu.Lock()
	d.journals = append(d.journals, j)
	d.mu.Unlock()
	return nil
}

func ignoreFull(err error) error {
	if vfs.IsFull(err) {
		return nil
	}
	return err
}

// abandon ends the current journal at its durable length. The next one says so
// in its head, and recovery looks no further.
func (d *Disk) abandon() {
	if d.cur != nil {
		d.prevLength = d.cur.size
		d.cur = nil
	}
}
