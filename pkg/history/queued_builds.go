package history

import (
	"cmp"
	"maps"
	"slices"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

// recordsOf returns the builds that the daemon's records belong to. The tickets and claims of a
// build are no builds of their own: they say whose it is, and since when it has waited.
func recordsOf(entries map[string]*controlapi.BuildHistoryRecord, now time.Time) []Record {
	var records []Record
	var active []queue.Record
	tickets := map[string][]*controlapi.BuildHistoryRecord{} // by build, the oldest first
	for _, entry := range slices.SortedFunc(maps.Values(entries), older) {
		if entry.CompletedAt == nil {
			active = append(active, queue.Record{Ref: entry.Ref, Created: entry.CreatedAt.AsTime(), Attributes: entry.FrontendAttrs})
		}
		if ticket, ok := ticketOf(entry); ok {
			tickets[ticket.Build] = append(tickets[ticket.Build], entry)
			continue
		}
		records = append(records, newRecord(entry, now))
	}
	for i := range records {
		if own := tickets[records[i].Ref]; own != nil {
			records[i].addTickets(own)
			delete(tickets, records[i].Ref)
		}
	}
	line := queue.NewLine(active, 0, nil)
	for ref, own := range tickets {
		if record, ok := unbegun(ref, own, line, now); ok {
			records = append(records, record)
		}
	}
	return records
}

func older(a, b *controlapi.BuildHistoryRecord) int {
	return cmp.Or(a.CreatedAt.AsTime().Compare(b.CreatedAt.AsTime()), cmp.Compare(a.Ref, b.Ref))
}

// ticketOf returns the ticket or claim that the entry is. A build that pretends to be one has
// steps.
func ticketOf(entry *controlapi.BuildHistoryRecord) (queue.Ticket, bool) {
	ticket, ok := queue.Parse(entry.FrontendAttrs)
	return ticket, ok && entry.Frontend == "" && len(entry.Exporters) == 0 && entry.NumTotalSteps == 0
}

// addTickets adds what the build's tickets say: the first one says it, since others may have
// written the rest.
func (r *Record) addTickets(tickets []*controlapi.BuildHistoryRecord) {
	first, _ := ticketOf(tickets[0])
	r.User = first.User
	if !first.Queued.IsZero() { // else it was admitted at once
		r.Waited = max(0, r.Created.Sub(first.Queued))
	}
	for _, ticket := range tickets {
		r.tickets = append(r.tickets, ticket.Ref)
	}
}

// unbegun returns the record of a build that has tickets alone: it waits, or was cancelled while
// it waited. Of one that has had a claim, the record was removed.
func unbegun(ref string, tickets []*controlapi.BuildHistoryRecord, line *queue.Line, now time.Time) (Record, bool) {
	first, _ := ticketOf(tickets[0])
	last := tickets[len(tickets)-1]
	record := newRecord(last, now)
	record.Ref, record.Name, record.Duration = ref, first.Name, 0
	record.Created = tickets[0].CreatedAt.AsTime()
	if record.addTickets(tickets); !first.Queued.IsZero() && first.Queued.Before(record.Created) {
		record.Created = first.Queued
	}
	record.ticketsOnly = true
	if last.CompletedAt != nil {
		record.Status, record.Waited = Canceled, max(0, last.CompletedAt.AsTime().Sub(record.Created))
		claimed := slices.ContainsFunc(tickets, func(entry *controlapi.BuildHistoryRecord) bool {
			ticket, _ := ticketOf(entry)
			return ticket.State != queue.Waiting
		})
		return record, !claimed
	}
	record.Waited = max(0, now.Sub(record.Created))
	for _, build := range line.Waiting() {
		if build.Ref == ref {
			record.Status, record.Place = Waiting, build.Place
		}
	}
	return record, true
}

// Refs returns the references of all records that the daemon has of the build.
func (r Record) Refs() []string {
	if r.ticketsOnly {
		return r.tickets
	}
	return append([]string{r.Ref}, r.tickets...)
}
