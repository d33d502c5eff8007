import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.OperationsApi;
import org.openapitools.client.api.OrdersApi;
import org.openapitools.client.api.SagasApi;
import org.openapitools.client.model.*;

/** Uses every kind of answer through the generated client, and prints what it saw: one line for each. */
public class Use {
  static ApiClient client = new ApiClient();

  static Order orderOf(String token) {
    return new Order()
        .customerId("cust_1")
        .items(List.of(new OrderItem().productId("widget").quantity(1).unitPrice(100L)))
        .currency("EUR")
        .payment(new Payment().method("card").token(token))
        .shippingAddress(
            new Address().name("Ada").line1("1 Main St").city("London").postalCode("N1").country("GB"));
  }

  static void say(Object... words) {
    StringBuilder line = new StringBuilder();
    for (Object word : words) line.append(word == null ? "" : word).append(' ');
    System.out.println(line);
  }

  public static void main(String[] args) throws Exception {
    client.updateBaseUri(args[0]);
    OrdersApi orders = new OrdersApi(client);
    SagasApi sagas = new SagasApi(client);
    OperationsApi operations = new OperationsApi(client);

    var done = orders.submitOrderWithHttpInfo(orderOf("tok_visa"), null, null, null);
    say("order", done.getStatusCode(), done.getData().getStatus());

    try {
      orders.submitOrder(orderOf("tok_declined"), null, null, null);
    } catch (ApiException answer) {
      // An answer of 409 is an error for this client, which has the saga's text with it.
      OrderSaga declined = client.getObjectMapper().readValue(answer.getResponseBody(), OrderSaga.class);
      say("declined", answer.getCode(), declined.getStatus(), declined.getFailedStep());
    }

    Saga saga = sagas.getSaga(done.getData().getSagaId(), null);
    boolean same = saga.getOrderId().equals(done.getData().getOrderId());
    say("get", saga.getStatus(), same, saga.getFailedStep(), saga.getParked());
    List<LogEntry> log = saga.getExecutionLog();
    say("log", log.get(0).getEvent(), log.get(log.size() - 1).getOutcome());

    var one = SagasApi.APIListSagasRequest.newBuilder().limit(1);
    SagaPage first = sagas.listSagas(one.build());
    SagaPage second = sagas.listSagas(one.cursor(first.getCursor()).build());
    boolean differ = !first.getSagas().get(0).getSagaId().equals(second.getSagas().get(0).getSagaId());
    say("list", first.getSagas().size(), second.getSagas().size(), differ);

    try {
      sagas.getSaga("none", null);
    } catch (ApiException refused) {
      Problem problem = client.getObjectMapper().readValue(refused.getResponseBody(), Problem.class);
      say("problem", refused.getCode(), problem.getType());
    }

    RetryFilter parked = new RetryFilter().status(RetryFilter.StatusEnum.ABORTED);
    RetryByFilter byFilter = new RetryByFilter().reason("mended").filter(parked).dryRun(true);
    RetryPlan plan = operations.retrySagas(new RetryMany(byFilter)).getRetryPlan();
    Parked held = sagas.getSaga(plan.getSagas().get(0).getSagaId(), null).getParked();
    say("plan", plan.getSagas().size(), held.getReason(), held.getHeld().get(0).getStep());
    RetryByName byName = new RetryByName().reason("mended");
    for (RetryCandidate each : plan.getSagas()) {
      byName.addSagasItem(new SagaSeen().sagaId(each.getSagaId()).etag(each.getEtag()));
    }
    RetryResults results = operations.retrySagas(new RetryMany(byName)).getRetryResults();
    say("retried", results.getAccepted(), results.getResults().get(0).getResult());

    // The generated call would wait for the end of the stream, which has none: it is read by hand, its events by the client's types.
    HttpRequest request = HttpRequest.newBuilder(URI.create(args[0] + "/api/coordinator/events")).build();
    var stream = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofInputStream()).body();
    BufferedReader lines = new BufferedReader(new InputStreamReader(stream));
    String event = "";
    boolean began = false;
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (!began) orders.submitOrder(orderOf("tok_visa"), null, null, null);
      began = true;
      if (line.startsWith("event: ")) event = line.substring(7);
      if (event.equals("saga") && line.startsWith("data: ")) {
        SagaChange change = client.getObjectMapper().readValue(line.substring(6), SagaChange.class);
        // The saga that was retried tells of itself too; it ends as FAILED.
        if (change.getStatus() != SagaStatus.COMPLETED) continue;
        say("event", event, change.getStatus());
        break;
      }
    }
    System.exit(0);
  }
}
