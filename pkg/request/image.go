package request

// Image is what the image is called and carries: --tag and --label.
type Image struct {
	Tags   []string // --tag
	Labels []string // --label
}

func (o Image) apply(r *Request, _ Environment) error {
	for _, tag := range o.Tags {
		if err := checkTag("--tag", tag); err != nil {
			return err
		}
	}
	r.tags = o.Tags
	return applyLabels(r, o.Labels)
}
