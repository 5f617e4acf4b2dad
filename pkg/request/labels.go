package request

func applyLabels(r *Request, labels []string) error {
	for _, label := range labels {
		key, value, _, err := cutPair("--label", label)
		if err != nil {
			return err
		}
		r.attrs["label:"+key] = value
	}
	return nil
}
