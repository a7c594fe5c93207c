// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// AnnouncementFile is the name, in the data directory, of the file that says where a
// running daemon is to be found. It is written when the daemon serves, as a whole, and
// removed when it ends in order.
const AnnouncementFile = "connectd.json"

// Announcement is what AnnouncementFile holds, as JSON.
type Announcement struct {
	PID int `json:"pid"`
	// REST is the address of the admin API, http://host:port.
	REST string `json:"rest"`
	// Broker is the address of the embedded broker, empty where there is none.
	Broker string `json:"broker,omitempty"`
	// Kafka is bootstrap.servers: the embedded broker, or the cluster that is named.
	Kafka string `json:"bootstrap.servers"`
	// Registry is the address of the schema registry, empty where there is none. It may
	// name several, separated by commas.
	Registry string `json:"registry,omitempty"`
}

// Announced reads what the process has announced in this data directory. What another
// process left there is an error.
func (p *Process) Announced(dataDir string) (Announcement, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, AnnouncementFile))
	if err != nil {
		return Announcement{}, err
	}
	var at Announcement
	if err := json.Unmarshal(text, &at); err != nil {
		return Announcement{}, err
	}
	if at.PID != p.PID() {
		return Announcement{}, fmt.Errorf("%s is of process %d", AnnouncementFile, at.PID)
	}
	return at, nil
}

// Ready reads what the process has announced, and fails if GET /health does not answer.
func (p *Process) Ready(ctx context.Context, dataDir string) (Announcement, error) {
	at, err := p.Announced(dataDir)
	if err != nil {
		return at, err
	}
	return at, Call(ctx, "GET", at.REST+"/health", nil, nil)
}
