package admin

import (
	"strconv"

	"github.com/sallyport/sallyport/admin/api"
)

// limit is how many entries a page has.
func limit(asked int) (int, error) {
	switch {
	case asked == 0:
		return api.DefaultLimit, nil
	case asked < 0 || asked > api.MaxLimit:
		return 0, invalid("limit", "is from 1 to %d", api.MaxLimit)
	}
	return asked, nil
}

// after is the id that a page begins behind.
func after(p *api.Page) (id int64, n int, err error) {
	if n, err = limit(p.Limit); err != nil || p.After == "" {
		return 0, n, err
	}
	id, err = strconv.ParseInt(p.After, 10, 64)
	if err != nil || id < 0 {
		return 0, 0, invalid("after", "is not what a list gave as next")
	}
	return id, n, nil
}

// paged makes a page of records and says where the next one begins.
func paged[In, Out any](in []In, n int, id func(*In) string, out func(*In) (Out, error)) (api.List[Out], error) {
	page := api.List[Out]{Items: make([]Out, 0, len(in))}
	for i := range in {
		one, err := out(&in[i])
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, one)
	}
	if len(in) == n {
		page.Next = id(&in[n-1])
	}
	return page, nil
}

func number[T ~int64 | ~uint64](id T) string { return strconv.FormatInt(int64(id), 10) }
