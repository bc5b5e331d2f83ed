package main

import "log/slog"

// followMigration notes that a group became a supergroup, which has another
// id.
func followMigration(access *accessList, from, to int64) {
	if access.migrate(from, to) {
		slog.Warn("the group became a supergroup: put its new id into the access list", "old", from, "new", to)
	}
}

// followMigrations notes what a message says of a migration: the last one of
// the group does, and the first one of the supergroup.
func followMigrations(access *accessList, m *message) {
	if m.MigrateTo != 0 {
		followMigration(access, m.Chat.ID, m.MigrateTo)
	}
	if m.MigrateFrom != 0 {
		followMigration(access, m.MigrateFrom, m.Chat.ID)
	}
}
