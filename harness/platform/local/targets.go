package local

import (
	"context"
	"fmt"
)

// ScrapeTarget is one page of metrics.
type ScrapeTarget struct {
	URL    string
	Labels map[string]string
}

// ScrapeTargets lists the metrics pages that exist at this moment: the control API's own, with the ground
// truth, and one for each instance that is meant to run, whether or not it answers.
func (c *Client) ScrapeTargets(ctx context.Context) ([]ScrapeTarget, error) {
	instances, err := c.Instances(ctx)
	if err != nil {
		return nil, err
	}
	targets := []ScrapeTarget{{URL: c.endpoint.URL + "/metrics", Labels: map[string]string{"job": "platform", "instance": "platform"}}}
	for _, in := range instances {
		targets = append(targets, ScrapeTarget{
			URL:    fmt.Sprintf("http://%s:%d/metrics", in.Addr, portAdmin),
			Labels: map[string]string{"job": "fixture", "service": in.Service, "instance": in.Name, "zone": in.Zone},
		})
	}
	return targets, nil
}

// AdminURLs lists a page of the admin port of each healthy instance of a service.
func (c *Client) AdminURLs(ctx context.Context, service, path string) ([]string, error) {
	instances, err := c.Instances(ctx)
	if err != nil {
		return nil, err
	}
	var urls []string
	for _, in := range instances {
		if in.Service == service && in.Healthy {
			urls = append(urls, fmt.Sprintf("http://%s:%d%s", in.Addr, portAdmin, path))
		}
	}
	return urls, nil
}
