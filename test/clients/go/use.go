// Uses every kind of answer through the generated client, and prints what it saw: one line for each.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	client "example.com/coordinator/client"
)

var ctx = context.Background()
var api *client.APIClient

func must[T any](value T, response *http.Response, err error) T {
	if err != nil {
		panic(fmt.Sprintf("%v %v", response, err))
	}
	return value
}

func orderOf(token string) client.Order {
	item := client.NewOrderItem("widget", 1, 100)
	payment := client.NewPayment("card", token)
	address := client.NewAddress("Ada", "1 Main St", "London", "N1", "GB")
	return *client.NewOrder("cust_1", []client.OrderItem{*item}, "EUR", *payment, *address)
}

func get(id string) *client.Saga {
	return must(api.SagasAPI.GetSaga(ctx, id).Execute())
}

func main() {
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: os.Args[1]}}
	api = client.NewAPIClient(configuration)

	done, response, err := api.OrdersAPI.SubmitOrder(ctx).Order(orderOf("tok_visa")).Execute()
	must(done, response, err)
	fmt.Println("order", response.StatusCode, done.Status)

	// An answer of 409 is an error for this client, which has the saga with it.
	_, response, err = api.OrdersAPI.SubmitOrder(ctx).Order(orderOf("tok_declined")).Execute()
	declined := err.(*client.GenericOpenAPIError).Model().(client.OrderSaga)
	fmt.Println("declined", response.StatusCode, declined.Status, declined.GetFailedStep())

	saga := get(done.SagaId)
	fmt.Println("get", saga.Status, saga.GetOrderId() == done.GetOrderId(), saga.GetFailedStep()+" "+reasonOf(saga))
	last := saga.ExecutionLog[len(saga.ExecutionLog)-1]
	fmt.Println("log", saga.ExecutionLog[0].Event, last.GetOutcome())

	first := must(api.SagasAPI.ListSagas(ctx).Limit(1).Execute())
	second := must(api.SagasAPI.ListSagas(ctx).Limit(1).Cursor(first.GetCursor()).Execute())
	fmt.Println("list", len(first.Sagas), len(second.Sagas), first.Sagas[0].SagaId != second.Sagas[0].SagaId)

	_, response, err = api.SagasAPI.GetSaga(ctx, "none").Execute()
	problem := err.(*client.GenericOpenAPIError).Model().(client.Problem)
	fmt.Println("problem", response.StatusCode, problem.Type)

	filter := client.NewRetryByFilter("mended", *client.NewRetryFilter("ABORTED"))
	filter.SetDryRun(true)
	asked := client.RetryByFilterAsRetryMany(filter)
	plan := must(api.OperationsAPI.RetrySagas(ctx).RetryMany(asked).Execute()).RetryPlan
	parked := get(plan.Sagas[0].SagaId)
	fmt.Println("plan", len(plan.Sagas), reasonOf(parked), parked.Parked.Get().Held[0].Step)

	var seen []client.SagaSeen
	for _, each := range plan.Sagas {
		seen = append(seen, *client.NewSagaSeen(each.SagaId, each.Etag))
	}
	named := client.RetryByNameAsRetryMany(client.NewRetryByName("mended", seen))
	results := must(api.OperationsAPI.RetrySagas(ctx).RetryMany(named).Execute()).RetryResults
	fmt.Println("retried", results.Accepted, results.Results[0].Result)

	watch()
}

func reasonOf(saga *client.Saga) string {
	if parked := saga.Parked.Get(); parked != nil {
		return parked.Reason
	}
	return ""
}

// The generated call would wait for the end of the stream, which has none: it is read by hand, its events by the client's types.
func watch() {
	stream, err := http.Get(os.Args[1] + "/api/coordinator/events")
	must(stream, stream, err)
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	event, began := "", false
	for lines.Scan() {
		line := lines.Text()
		if !began {
			must(api.OrdersAPI.SubmitOrder(ctx).Order(orderOf("tok_visa")).Execute())
			began = true
		}
		if after, found := strings.CutPrefix(line, "event: "); found {
			event = after
		}
		if data, found := strings.CutPrefix(line, "data: "); found && event == "saga" {
			var change client.SagaChange
			if err := json.Unmarshal([]byte(data), &change); err != nil {
				panic(err)
			}
			// The saga that was retried tells of itself too; it ends as FAILED.
			if change.Status == client.COMPLETED {
				fmt.Println("event", event, change.Status)
				return
			}
		}
	}
}
