// Package queue decides, from a list of a daemon's active builds alone, which of them run and which
// wait, where the builder limits how many run at a time.
//
// The daemon itself is the queue: its list of active builds is all the state there is. A client
// that waits has a ticket there, a record without steps, whose attributes say whose it is and
// which build it is for. When it is the turn of a ticket, its client opens a second record, the
// claim, and begins the build only if the claim is among the first: claims count in the order in
// which the daemon has created them, so a newer one never takes the place of an older one, whatever
// the order of the tickets. The claim stays open while the build runs.
//
// The order of the tickets is fair between users, who are what their clients say. Builds of other
// clients have neither ticket nor claim: they count as running.
//
// Every function is pure: it depends on the given records and times alone. Other users of the
// builder write the records, so every text in them is untrusted.
package queue
