"""The ELBO in tensors against Pyro's, against sums over all states, and against quadrature."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import BeliefNet, Gaussian
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO, TraceMeanField_ELBO
from torch.fx.experimental.proxy_tensor import make_fx

import ppgen
from ppgen.models import HierarchicalVAE
from ppgen.objectives import BetaELBO, MeanFieldELBO, TensorELBO

TWINS = [(TensorELBO, Trace_ELBO), (MeanFieldELBO, TraceMeanField_ELBO)]


@pytest.fixture
def x():
    return torch.randn(12, 1, 1, 4)


@pytest.mark.parametrize(("ours", "theirs"), TWINS)
def test_equals_pyros_estimate_and_gradient_under_one_seed(ours, theirs, x):
    program = Gaussian()
    results = []
    for elbo in (ours(), theirs()):
        pyro.set_rng_seed(1)
        loss = elbo.differentiable_loss(program.model, program.guide, x)
        results.append([loss, *torch.autograd.grad(loss, list(program.parameters()))])
    for mine, pyros in zip(*results, strict=True):
        torch.testing.assert_close(mine, pyros)


@pytest.mark.parametrize("elbo", [TensorELBO(), MeanFieldELBO(), TensorELBO(num_particles=3)])
def test_values_per_image_sum_to_the_loss(elbo, x):
    program = Gaussian()
    pyro.set_rng_seed(1)
    each = elbo.per_example(program.model, program.guide, x)
    pyro.set_rng_seed(1)
    loss = elbo.loss(program.model, program.guide, x)
    assert each.shape == (12,)
    assert loss == pytest.approx(-each.sum().item(), rel=1e-5)


@pytest.mark.parametrize("elbo", [TensorELBO(), MeanFieldELBO()])
def test_under_the_exact_posterior_the_bound_is_the_likelihood(elbo, x):
    """With TensorELBO every single draw is exact; with a closed-form KL only the mean is."""
    program = Gaussian(objective=elbo)
    program.use_exact_posterior()
    rows = x.repeat(2000, 1, 1, 1)
    draws = elbo.per_example(program.model, program.guide, rows).detach().view(2000, 12)
    error = draws.std(0) / 2000**0.5
    # 12 images, two-sided, at 5 standard errors: false alarms below 1e-5.
    assert (draws.mean(0) - program.log_likelihood(x)).abs().le(5 * error + 1e-4).all()


def test_the_score_function_gradient_is_unbiased():
    """Against the derivative of the ELBO summed over all latent states.

    Each image comes three times, so that a gradient is the sum of three.
    """
    program = BeliefNet()
    x = torch.bernoulli(torch.full((3, 1, 3, 3), 0.5)).repeat(3, 1, 1, 1)
    parameters = list(program.parameters())
    exact = torch.autograd.grad(-program.exact_elbo(x) * 9, parameters)
    samples = []
    for _ in range(500):
        loss = program.objective.differentiable_loss(program.model, program.guide, x)
        grads = torch.autograd.grad(loss, parameters)
        samples.append(torch.cat([g.flatten() for g in grads]))
    samples = torch.stack(samples)
    error = samples.std(0) / 500**0.5
    z = (samples.mean(0) - torch.cat([g.flatten() for g in exact])) / (error + 1e-8)
    # 38 numbers at 5 standard errors: false alarms below 3e-5.
    assert z.abs().max() < 5


def test_analytic_kl_equals_numerical_integration():
    q, p = dist.Normal(0.7, 0.3), dist.Normal(0.0, 1.0)
    grid = torch.linspace(-6, 6, 20001, dtype=torch.float64)
    density = q.log_prob(grid).exp()
    integral = torch.trapezoid(density * (q.log_prob(grid) - p.log_prob(grid)), grid)

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", p)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", q)

    elbo = MeanFieldELBO().per_example(model, guide, torch.zeros(5, 1))
    torch.testing.assert_close(elbo, -integral.float().expand(5), rtol=1e-5, atol=0)


@pytest.mark.parametrize("dims", [(-1, -2), (-2, -1)])
def test_inner_plates_are_summed_whichever_side_they_are_on(dims):
    data, pixels = dims
    x = torch.randn(6, 4)
    value = x if data == -2 else x.T

    def model(x):
        with pyro.plate("data", 6, dim=data), pyro.plate("pixels", 4, dim=pixels):
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=value)

    elbo = TensorELBO().per_example(model, lambda x: None, x)
    torch.testing.assert_close(elbo, dist.Normal(0.0, 1.0).log_prob(x).sum(1))


def test_sites_outside_the_batch_are_apart_and_scale_and_mask_are_kept():
    x = torch.randn(6, 1)
    observed = torch.tensor([True, True, False, True, False, True])

    def model(x):
        w = pyro.sample("w", dist.Normal(0.0, 1.0))
        with pyro.plate("data", 6), poutine.scale(scale=2.0), poutine.mask(mask=observed):
            pyro.sample("x", dist.Normal(w, 1.0).expand([6]), obs=x[:, 0])

    def guide(x):
        pyro.sample("w", dist.Normal(0.3, 0.5))

    for ours, theirs in TWINS:
        pyro.set_rng_seed(2)
        each, shared = ours().bounds(model, guide, x)
        pyro.set_rng_seed(2)
        loss = theirs().loss(model, guide, x)
        assert (each.sum() + shared).item() == pytest.approx(-loss, rel=1e-5)
        assert each[2] == each[4] == 0 != each[0]


def test_works_under_pyros_svi(x):
    program = Gaussian()

    def model(x):
        pyro.module("program", program)
        return program.model(x)

    svi = SVI(model, program.guide, pyro.optim.Adam({"lr": 0.02}), MeanFieldELBO())
    losses = [svi.step(x) for _ in range(200)]
    assert sum(losses[-20:]) < sum(losses[:20])


def test_can_be_traced_to_a_graph_of_tensor_operations(x):
    program = Gaussian()
    with pyro.validation_enabled(False):
        loss = program.objective.differentiable_loss
        graph = make_fx(lambda x: loss(program.model, program.guide, x))
        code = graph(x).code
    assert ".item(" not in code
    assert "randn" in code or "normal" in code


def test_a_latent_site_missing_from_the_guide_is_named(x):
    with pytest.raises(ValueError, match="latent site 'z' is missing from the guide"):
        ppgen.elbo(ppgen.as_program(Gaussian().model), x)


def test_another_order_of_sites_is_refused_where_it_would_be_wrong(x):
    def model(x):
        a = pyro.sample("a", dist.Normal(0.0, 1.0))
        pyro.sample("b", dist.Normal(a, 1.0))

    def guide(x):
        b = pyro.sample("b", dist.Normal(0.0, 1.0))
        pyro.sample("a", dist.Normal(b, 1.0))

    with pytest.raises(ValueError, match="needs the same order: name TensorELBO instead"):
        MeanFieldELBO().loss(model, guide, x)
    # log p − log q is (b² − a²) / 2, a is b and a standard normal: the mean is −1/2, the variance
    # 3/2. At 5 standard errors: false alarms below 1e-6.
    loss = TensorELBO(num_particles=1000).loss(model, guide, x)
    assert loss == pytest.approx(0.5, abs=5 * (1.5 / 1000) ** 0.5)


def discrete_program(scale=1.0, shared=False):
    """One coin, of each image or of all, with a guide whose gradient is known by summation."""
    logit = torch.tensor(0.3, requires_grad=True)

    def model(x):
        if shared:
            c = pyro.sample("c", dist.Bernoulli(0.2))
        with pyro.plate("data", len(x)):
            if not shared:
                with poutine.scale(scale=scale):
                    c = pyro.sample("c", dist.Bernoulli(0.2))
            pyro.sample("x", dist.Normal(c.unsqueeze(-1) * torch.ones(1), 1.0).to_event(1), obs=x)

    def guide(x):
        if shared:
            pyro.sample("c", dist.Bernoulli(logits=logit))
        else:
            with pyro.plate("data", len(x)), poutine.scale(scale=scale):
                pyro.sample("c", dist.Bernoulli(logits=logit))

    def exact(x):
        q = dist.Bernoulli(logits=logit)
        total = 0.0
        for c in torch.tensor([0.0, 1.0]):
            log_x = dist.Normal(c, 1.0).log_prob(x).sum(-1)
            gap = dist.Bernoulli(0.2).log_prob(c) - q.log_prob(c)
            total = total + q.log_prob(c).exp() * (
                log_x.sum() + gap if shared else (log_x + scale * gap).sum()
            )
        return torch.autograd.grad(-total, logit)[0]

    return model, guide, logit, exact


@pytest.mark.parametrize(("scale", "shared"), [(1.0, False), (10.0, False), (1.0, True)])
def test_score_gradients_of_scaled_and_of_shared_sites_are_unbiased(scale, shared):
    """At 5 standard errors: false alarms below 1e-6 each.

    Where images share no latent, each comes four times, so that a gradient is the sum of four.
    """
    number = 2000 if shared else 500
    x = torch.randn(4, 1).repeat(2000 // number, 1)
    model, guide, logit, exact = discrete_program(scale, shared)
    draws = []
    for _ in range(number):
        loss = TensorELBO().differentiable_loss(model, guide, x)
        draws.append(torch.autograd.grad(loss, logit)[0])
    draws = torch.stack(draws)
    assert (draws.mean() - exact(x)).abs() < 5 * draws.std() / number**0.5


@pytest.mark.parametrize("n", [4, 5])
def test_the_batch_plate_is_found_where_another_has_its_size(n):
    x = torch.arange(float(n)).unsqueeze(-1).expand(n, 3)

    def model(x):
        with pyro.plate("rows", 4, dim=-2):
            pyro.sample("r", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("x", dist.Normal(0.0, 1.0).expand([len(x), 3]).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("rows", 4, dim=-2):
            pyro.sample("r", dist.Normal(0.0, 1.0))

    elbo = MeanFieldELBO().per_example(model, guide, x)
    torch.testing.assert_close(elbo, dist.Normal(0.0, 1.0).log_prob(x).sum(1))


# weighted divergences


def test_beta_one_without_free_nats_is_the_bound():
    program, x = Gaussian(), torch.randn(20, 1, 1, 4)
    pyro.set_rng_seed(1)
    expected = MeanFieldELBO().differentiable_loss(program.model, program.guide, x)
    pyro.set_rng_seed(1)
    found = BetaELBO().differentiable_loss(program.model, program.guide, x)
    torch.testing.assert_close(found, expected)


def test_beta_and_free_nats_change_the_divergence_alone():
    program, x = Gaussian(), torch.randn(20, 1, 1, 4)
    programs = program.model, program.guide
    mean, log_scale = program.encoder(x.flatten(1)).chunk(2, -1)
    kl = (0.5 * (mean**2 + (2 * log_scale).exp() - 1) - log_scale).sum().detach()
    with torch.no_grad():
        losses = {}
        for name, elbo in {
            "plain": BetaELBO(),
            "beta": BetaELBO(beta=3),
            "few": BetaELBO(free_nats=0.5 * kl.item() / 20),
            "many": BetaELBO(free_nats=2 * kl.item() / 20),
        }.items():
            pyro.set_rng_seed(1)
            losses[name] = elbo.differentiable_loss(*programs, x)
    torch.testing.assert_close(losses["beta"] - losses["plain"], 2 * kl)
    torch.testing.assert_close(losses["few"], losses["plain"])
    torch.testing.assert_close(losses["many"] - losses["plain"], kl)


def test_divergences_of_sites_in_another_order_are_estimated_from_the_draws():
    torch.manual_seed(0)
    vae = HierarchicalVAE.mlp((1, 3, 3), 2, above=(3,))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    x = torch.bernoulli(torch.full((20, 1, 3, 3), 0.5))

    def loss(elbo):
        pyro.set_rng_seed(1)
        return elbo.differentiable_loss(vae.model, vae.guide, x)

    plain, double, triple = (loss(BetaELBO(beta)) for beta in (1.0, 2.0, 3.0))
    torch.testing.assert_close(plain, loss(TensorELBO()))
    torch.testing.assert_close(triple - double, double - plain)
    assert not torch.isclose(double, plain)


def test_free_nats_are_those_of_a_site_over_all_its_plates():
    """Five latents of each image in a plate of their own: one site, and q is p."""
    x = torch.randn(6, 2)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1), pyro.plate("parts", 5, dim=-2):
            pyro.sample("z", dist.Normal(0.0, 1.0))

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            with pyro.plate("parts", 5, dim=-2):
                pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(0.0, 1.0).expand([len(x), 2]).to_event(1), obs=x)

    plain, held = (BetaELBO(free_nats=nats).per_example(model, guide, x) for nats in (0.0, 1.0))
    torch.testing.assert_close(plain - held, torch.ones(6))


def test_free_nats_give_no_gradient_to_what_is_free():
    program, x = Gaussian(), torch.randn(20, 1, 1, 4)
    gradients = []
    for objective in (BetaELBO(beta=1, free_nats=1e6), BetaELBO(beta=0), BetaELBO(beta=1)):
        torch.manual_seed(0)
        loss = objective.differentiable_loss(program.model, program.guide, x)
        gradients += torch.autograd.grad(loss, program.encoder.weight)
    free, none, all_of_it = gradients
    torch.testing.assert_close(free, none)
    assert not torch.allclose(free, all_of_it)


@pytest.mark.parametrize("options", [{"beta": -1}, {"free_nats": -0.1}, {"beta": float("nan")}])
def test_negative_weights_are_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} is"):
        BetaELBO(**options)
