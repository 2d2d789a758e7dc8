package metrics

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// An answer that is empty may mean that a condition does not hold, or that nothing is known. To tell the
// two apart, whoever judges takes the expression apart with Needs and Sides and asks about the parts.

// twoSamples names the functions that answer nothing from a single sample.
var twoSamples = []string{"rate", "increase", "irate", "delta", "idelta", "deriv", "predict_linear"}

// Needs returns PromQL probes that tell whether the data behind expr is there. Each probe of always has a
// value exactly at those steps at which one selector of expr had something to work on. The selectors that
// expr itself allows to be empty (under absent(), before "or vector(0)", after "unless") are left to
// sometimes, whose probes name the metric alone: a run that never saw the name cannot judge it.
func (*Store) Needs(expr string) (always, sometimes []string, err error) { return needs(expr) }

// Sides returns the comparisons that expr filters by, as left side, operator and right side, when expr is
// a comparison or several joined by "and"; else it returns none. An expression that cannot come out empty
// is an error, because as a condition it would always hold.
func (*Store) Sides(expr string) ([][3]string, error) { return sides(expr) }

func needs(expr string) (always, sometimes []string, err error) {
	root, err := parse(expr)
	if err != nil {
		return nil, nil, err
	}
	parser.Inspect(root, func(node parser.Node, path []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		if allowedEmpty(selector, path) {
			sometimes = append(sometimes, nameProbe(selector))
		} else {
			always = append(always, probe(selector, path))
		}
		return nil
	})
	unique := func(s []string) []string { slices.Sort(s); return slices.Compact(s) }
	return unique(always), unique(sometimes), nil
}

func sides(expr string) ([][3]string, error) {
	root, err := parse(expr)
	if err != nil {
		return nil, err
	}
	if !filters(root) {
		return nil, fmt.Errorf("PromQL %q is no condition: it never comes out empty; compare it, without bool, or state what to expect", expr)
	}
	return comparisons(root), nil
}

func parse(expr string) (parser.Expr, error) {
	if len(expr) > queryBytes {
		return nil, fmt.Errorf("parse PromQL: %d bytes exceed the limit of %d", len(expr), queryBytes)
	}
	root, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return nil, fmt.Errorf("parse PromQL %q: %w", expr, err)
	}
	return root, nil
}

// probe counts the series that give the selector something to work on. Inside of subqueries that is
// anything in the time that they look back on.
func probe(selector *parser.VectorSelector, path []parser.Node) string {
	var back time.Duration
	least := 1
	for i, node := range path {
		switch n := node.(type) {
		case *parser.SubqueryExpr:
			back += n.Range
		case *parser.MatrixSelector:
			back += n.Range
			if call, ok := path[i-1].(*parser.Call); ok && slices.Contains(twoSamples, call.Func.Name) {
				least = 2
			}
		}
	}
	if back == 0 {
		return fmt.Sprintf("count(%s)", selector)
	}
	over := parser.MatrixSelector{VectorSelector: selector, Range: back}
	return fmt.Sprintf("count(count_over_time(%s) >= %d)", over.String(), least)
}

func nameProbe(selector *parser.VectorSelector) string {
	if selector.Name != "" {
		return "count(" + selector.Name + ")"
	}
	for _, m := range selector.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			return "count({" + m.String() + "})"
		}
	}
	return fmt.Sprintf("count(%s)", selector)
}

func allowedEmpty(selector parser.Node, path []parser.Node) bool {
	child := selector
	for _, node := range slices.Backward(path) {
		switch n := node.(type) {
		case *parser.Call:
			if n.Func.Name == "absent" || n.Func.Name == "absent_over_time" {
				return true
			}
		case *parser.BinaryExpr:
			if n.Op == parser.LOR || n.Op == parser.LUNLESS && n.RHS == child {
				return true
			}
		}
		child = node
	}
	return false
}

// filters reports whether node can come out empty for another reason than lack of data.
func filters(root parser.Node) bool {
	found := false
	parser.Inspect(root, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.BinaryExpr:
			found = found || n.Op.IsComparisonOperator() && !n.ReturnBool || n.Op == parser.LUNLESS
		case *parser.Call:
			found = found || n.Func.Name == "absent" || n.Func.Name == "absent_over_time"
		}
		return nil
	})
	return found
}

func comparisons(node parser.Expr) [][3]string {
	switch n := node.(type) {
	case *parser.ParenExpr:
		return comparisons(n.Expr)
	case *parser.BinaryExpr:
		switch {
		case n.Op == parser.LAND:
			return append(comparisons(n.LHS), comparisons(n.RHS)...)
		case n.Op.IsComparisonOperator() && !n.ReturnBool:
			return [][3]string{{n.LHS.String(), n.Op.String(), n.RHS.String()}}
		}
	}
	return nil
}

// metricNames returns the name that each selector of the expression fixes, or "" for one that fixes none.
func metricNames(root parser.Expr) []string {
	var names []string
	parser.Inspect(root, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			names = append(names, s.Name)
		}
		return nil
	})
	return names
}
