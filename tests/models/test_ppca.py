"""Probabilistic PCA against scikit-learn, dense Gaussians, and its own other ways to fit."""

import copy
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen.models import PPCA
from ppgen.models.principal_axes import PrincipalAxes

SHAPE = (1, 3, 4)
PIXELS = 12


def images_of(n, latent=3, shape=SHAPE, noise=0.3):
    """Images that a PPCA of ``latent`` dimensions draws, float64."""
    pixels = torch.Size(shape).numel()
    loadings = torch.randn(latent, pixels, dtype=torch.float64)
    z = torch.randn(n, latent, dtype=torch.float64)
    x = 0.5 + z @ loadings + noise * torch.randn(n, pixels, dtype=torch.float64)
    return x.view(n, *shape)


@pytest.fixture
def x():
    return images_of(200)


@pytest.fixture
def ppca(x):
    return PPCA.from_images(x, latent=3)


@pytest.fixture(scope="module")
def digits():
    data = ppgen.data.load("digits")
    return data.train.images.double() / 16, data.test.images.double() / 16


def dense(ppca):
    """p(x, z) without any low-rank trick: mean and covariance of x, then of (x, z)."""
    w, mean = ppca.loadings.detach().flatten(1).T, ppca.mean.detach().flatten()
    covariance = w @ w.T + ppca.scale.detach() ** 2 * torch.eye(len(mean), dtype=w.dtype)
    return w, mean, covariance


def random_mask(*shape, share=0.7):
    return torch.rand(shape) < share


# the closed form


def as_scikit_learn_divides(x):
    """Spread images about their mean so that n in the variance does what n − 1 did before."""
    mean = x.mean(0)
    return mean + (x - mean) * (len(x) / (len(x) - 1)) ** 0.5


@pytest.mark.parametrize("latent", [1, 3, 11])
def test_closed_form_is_that_of_scikit_learn(x, latent):
    """Scikit-learn divides by n − 1: its covariance is n / (n − 1) times the most likely one."""
    peer = PCA(latent, svd_solver="full").fit(x.flatten(1).numpy())
    ppca = PPCA.from_images(as_scikit_learn_divides(x), latent)
    w, _, covariance = dense(ppca)
    ours = torch.linalg.qr(w).Q
    theirs = torch.from_numpy(peer.components_.T)
    torch.testing.assert_close(ours @ ours.T, theirs @ theirs.T, rtol=0, atol=1e-6)
    assert ppca.scale.item() ** 2 == pytest.approx(peer.noise_variance_, rel=1e-6)
    torch.testing.assert_close(
        covariance, torch.from_numpy(peer.get_covariance()), rtol=0, atol=1e-6
    )
    score = peer.score(x.flatten(1).numpy())
    assert ppca.log_likelihood(x).mean().item() == pytest.approx(score, abs=1e-6)


def test_closed_form_on_real_digits_is_that_of_scikit_learn(digits):
    train = digits[0]
    peer = PCA(20, svd_solver="full").fit(train.flatten(1).numpy())
    ppca = PPCA.from_images(as_scikit_learn_divides(train), 20)
    for part in digits:
        score = peer.score(part.flatten(1).numpy())
        assert ppca.log_likelihood(part).mean().item() == pytest.approx(score, abs=1e-6)
    own = PPCA.from_images(train, 20)
    assert own.log_likelihood(train).mean() > ppca.log_likelihood(train).mean()


@pytest.mark.parametrize("n", [5, 11, 12, 13])
def test_both_sides_of_the_data_matrix_give_the_same(n):
    """Sizes about the number of pixels, where the Gram matrix gives way to the covariance."""
    x = images_of(n)
    found = PrincipalAxes.from_images(x)
    centred = x.flatten(1) - x.flatten(1).mean(0)
    singular, right = torch.linalg.svd(centred, full_matrices=False)[1:]
    rank = min(n - 1, PIXELS)
    assert found.axes.shape == (rank, PIXELS)
    torch.testing.assert_close(found.variances, singular[:rank] ** 2 / n)
    along = (found.axes * right[:rank]).sum(1).abs()
    torch.testing.assert_close(along, torch.ones_like(along))


def test_closed_form_has_the_highest_likelihood(x, ppca):
    best = ppca.log_likelihood(x).mean().item()
    for parameter in (ppca.loadings, ppca.mean, ppca.log_scale):
        gradient = torch.autograd.grad(ppca.log_likelihood(x).mean(), parameter)[0]
        assert gradient.abs().max() < 1e-10
        with torch.no_grad():
            step = 1e-2 * torch.randn_like(parameter)
            for direction in (step, -2 * step, step):
                parameter += direction
                assert ppca.log_likelihood(x).mean() <= best + 1e-12


def test_randomised_axes_have_the_likelihood_of_the_exact_ones(digits):
    train, test = digits
    exact = PPCA.from_images(train, 10)
    randomised = PPCA.from_images(train, 10, randomised=True)
    for part in (train, test):
        expected = exact.log_likelihood(part).mean().item()
        assert randomised.log_likelihood(part).mean().item() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_follow_the_images_type(x, dtype):
    ppca = PPCA.from_images(x.to(dtype), 3)
    assert ppca.dtype == ppca.log_likelihood(x.to(dtype)).dtype == dtype
    expected = PPCA.from_images(x, 3).log_likelihood(x)
    found = ppca.log_likelihood(x.to(dtype)).double()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_float32_likelihood_keeps_its_digits_where_there_is_little_noise():
    x = images_of(300, noise=1e-3)
    ppca = PPCA.from_images(x, 3)
    expected = ppca.log_likelihood(x)
    ppca.float()
    error = ppca.log_likelihood(x.float()).double() - expected
    w, mean, _ = dense(ppca)
    variance = ppca.scale.detach().square().expand(PIXELS)
    woodbury = LowRankMultivariateNormal(mean, w, variance).log_prob(x.float().flatten(1))
    assert error.abs().mean() < 0.1 * (woodbury.double() - expected).abs().mean()


def test_noise_too_small_for_float32_is_an_error_and_right_in_float64(x):
    ppca = PPCA(SHAPE, 2)
    with torch.no_grad():
        ppca.loadings.fill_(1)
        ppca.log_scale.fill_(-12)
    with pytest.raises(ValueError, match=r"too small beside the loadings for torch.float32"):
        ppca.posterior(x.float())
    ppca.double()
    _, mean, covariance = dense(ppca)
    expected = MultivariateNormal(mean, covariance).log_prob(x.flatten(1))
    torch.testing.assert_close(ppca.log_likelihood(x), expected, rtol=1e-4, atol=0)


# the dimension


def test_held_out_likelihood_of_every_dimension_is_that_of_its_closed_form(digits):
    train, test = digits
    by_dimension = PrincipalAxes.from_images(train).log_likelihood(test)
    assert len(by_dimension) == torch.linalg.matrix_rank((train - train.mean(0)).flatten(1))
    for latent in (1, 7, 30, len(by_dimension) - 1):
        ppca = PPCA.from_images(train, latent)
        expected = ppca.log_likelihood(test).mean()
        torch.testing.assert_close(by_dimension[latent], expected.detach())
    isotropic = torch.distributions.Normal(train.mean(0), train.var(0, correction=0).mean().sqrt())
    expected = isotropic.log_prob(test).sum((1, 2, 3)).mean()
    torch.testing.assert_close(by_dimension[0], expected)


def test_held_out_likelihood_finds_the_dimension():
    x = images_of(3000, latent=4, shape=(1, 5, 5))
    by_dimension = PrincipalAxes.from_images(x[:2000]).log_likelihood(x[2000:])
    assert by_dimension[4] > by_dimension[:4].max() + 1
    assert by_dimension[4] > by_dimension.max() - 0.05


# exact answers against dense Gaussians


def test_likelihood_is_that_of_the_dense_gaussian(x, ppca):
    _, mean, covariance = dense(ppca)
    expected = MultivariateNormal(mean, covariance).log_prob(x.flatten(1))
    torch.testing.assert_close(ppca.log_likelihood(x), expected)


def test_posterior_is_the_dense_gaussian_conditional(x, ppca):
    w, mean, covariance = dense(ppca)
    gain = torch.linalg.solve(covariance, w).T
    posterior = ppca.posterior(x)
    torch.testing.assert_close(posterior.mean, (x.flatten(1) - mean) @ gain.T)
    expected = torch.eye(3, dtype=w.dtype) - gain @ w
    torch.testing.assert_close(posterior.covariance_matrix[0], expected)
    torch.testing.assert_close(posterior.covariance_matrix[-1], expected)


@given(share=st.sampled_from([0.1, 0.5, 0.9]), seed=st.integers(0, 1000))
def test_missing_pixels_are_marginalised_and_completed_exactly(share, seed):
    torch.manual_seed(seed)
    x = images_of(4)
    ppca = PPCA(SHAPE, 3).double()
    observed = random_mask(4, *SHAPE, share=share)
    spoiled = x.where(observed, torch.nan)
    w, mean, covariance = dense(ppca)
    likelihood = ppca.log_likelihood(spoiled, observed)
    posterior = ppca.posterior(spoiled, observed)
    completed = ppca.complete(spoiled, observed, mean=True)
    assert torch.equal(completed[observed], x[observed])
    for i, (image, seen) in enumerate(zip(x.flatten(1), observed.flatten(1), strict=True)):
        within, centred = covariance[seen][:, seen], image[seen] - mean[seen]
        inverse = torch.linalg.inv(within)
        expected = torch.zeros((), dtype=w.dtype)
        if seen.any():
            expected = MultivariateNormal(mean[seen], within).log_prob(image[seen])
        torch.testing.assert_close(likelihood[i], expected)
        torch.testing.assert_close(posterior.mean[i], w[seen].T @ inverse @ centred)
        torch.testing.assert_close(
            posterior.covariance_matrix[i],
            torch.eye(3, dtype=w.dtype) - w[seen].T @ inverse @ w[seen],
        )
        missing = mean[~seen] + covariance[~seen][:, seen] @ inverse @ centred
        torch.testing.assert_close(completed[i].flatten()[~seen], missing)


def test_one_mask_for_all_images_is_the_same_mask_for_each(x, ppca):
    observed = random_mask(*SHAPE)
    for answer in (ppca.log_likelihood, partial(ppca.complete, mean=True)):
        torch.testing.assert_close(answer(x, observed), answer(x, observed.expand(x.shape)))
    every = torch.ones(SHAPE, dtype=torch.bool)
    torch.testing.assert_close(ppca.log_likelihood(x, every), ppca.log_likelihood(x))


def test_gradients_stay_finite_where_missing_pixels_hold_nan(x, ppca):
    observed = random_mask(*x.shape)
    ppca.log_likelihood(x.where(observed, torch.nan), observed).mean().backward()
    assert all(p.grad.isfinite().all() for p in (ppca.loadings, ppca.mean, ppca.log_scale))


def test_drawn_completions_follow_the_dense_conditional(x, ppca):
    """Squared Mahalanobis distances against chi-square, by Kolmogorov and Smirnov; level 1e-4."""
    from scipy.stats import chi2, kstest

    observed = random_mask(*SHAPE, share=0.5)
    seen = observed.flatten()
    drawn = ppca.complete(x[:1].expand(2000, *SHAPE), observed)
    assert torch.equal(drawn[:, observed], x[:1].expand(2000, *SHAPE)[:, observed])
    _, mean, covariance = dense(ppca)
    gain = covariance[~seen][:, seen] @ torch.linalg.inv(covariance[seen][:, seen])
    centre = mean[~seen] + gain @ (x[0].flatten()[seen] - mean[seen])
    spread = covariance[~seen][:, ~seen] - gain @ covariance[seen][:, ~seen]
    off = drawn.flatten(1)[:, ~seen] - centre
    distance = (off @ torch.linalg.inv(spread) * off).sum(1)
    assert kstest(distance.detach(), chi2(int((~seen).sum())).cdf).pvalue > 1e-4


def test_samples_follow_the_likelihood(ppca):
    """As above for whole new images, level 1e-4."""
    from scipy.stats import chi2, kstest

    _, mean, covariance = dense(ppca)
    off = ppgen.sample(ppca, 5000).flatten(1) - mean
    distance = (off @ torch.linalg.inv(covariance) * off).sum(1)
    assert kstest(distance, chi2(PIXELS).cdf).pvalue > 1e-4


def test_walk_moves_one_dimension_at_a_time(x, ppca):
    z, offsets = ppca.posterior(x[:1]).mean[0], torch.tensor([-2.0, 0.0, 2.0]).double()
    images = ppca.walk(z, offsets)
    assert images.shape == (3, 3, *SHAPE)
    torch.testing.assert_close(images[:, 1], ppca.decode(z).expand(3, *SHAPE))
    torch.testing.assert_close(images[2, 2] - images[2, 1], 2 * ppca.loadings[2])


# the program


def test_bounds_at_the_exact_posterior_are_the_likelihood_without_variance(x, ppca):
    expected = ppca.log_likelihood(x).detach()
    torch.testing.assert_close(ppgen.elbo(ppca, x).per_image, expected)
    torch.testing.assert_close(ppgen.iwae(ppca, x, particles=3).per_image, expected)


def fit(program, x, epochs, compiling="off"):
    return ppgen.fit(
        program,
        x,
        epochs=epochs,
        batch_size=len(x),
        optimizer=partial(Adam, lr=0.03),
        scheduler=partial(CosineAnnealingLR, T_max=epochs),
        compile=compiling,
        progress=False,
    )


def test_svi_reaches_the_closed_form(x):
    program = PPCA(SHAPE, 3).double()
    fit(program, x, epochs=1000)
    best = PPCA.from_images(x, 3).log_likelihood(x).mean().item()
    assert program.log_likelihood(x).mean().item() == pytest.approx(best, abs=0.01)
    assert ppgen.elbo(program, x).mean == pytest.approx(best, abs=0.05)


def test_svi_in_half_precision(x):
    program = PPCA(SHAPE, 3)
    before = program.log_likelihood(x.float()).mean().item()
    ppgen.fit(program, x.float(), epochs=20, batch_size=50, bfloat16=True, progress=False)
    assert program.log_likelihood(x.float()).mean().item() > before


def test_completions_carry_no_gradient(x, ppca):
    left = torch.tensor([True, True, False, False])
    for mean in (False, True):
        assert not ppca.complete(x, left, mean=mean).requires_grad


@pytest.mark.slow
def test_compiled_steps_are_those_that_are_not(x):
    programs = [PPCA(SHAPE, 3).double() for _ in range(2)]
    programs[1].load_state_dict(programs[0].state_dict())
    for program, compiling in zip(programs, ("off", "on"), strict=True):
        fit(program, x, 10, compiling)
    torch.testing.assert_close(*(program.log_likelihood(x) for program in programs))


def test_a_state_dict_is_the_whole_model(x, ppca):
    other = PPCA(SHAPE, 3).double()
    other.load_state_dict(ppca.state_dict())
    torch.testing.assert_close(other.log_likelihood(x), ppca.log_likelihood(x))
    torch.testing.assert_close(ppgen.elbo(other, x).per_image, ppgen.elbo(ppca, x).per_image)


# expectation maximisation


def test_em_reaches_the_closed_form_where_nothing_is_missing(x, ppca):
    program = PPCA(SHAPE, 3).double()
    history = program.fit_em(x, iterations=2000, tolerance=1e-9, warm_start=True)
    expected = ppca.log_likelihood(x).mean().item()
    assert history[-1] == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(dense(program)[2], dense(ppca)[2], rtol=0, atol=1e-3)
    torch.testing.assert_close(ppgen.elbo(program, x).per_image, program.log_likelihood(x).detach())


@pytest.mark.parametrize("warm_start", [False, True])
def test_em_stays_at_the_closed_form(x, ppca, warm_start):
    program = copy.deepcopy(ppca) if warm_start else PPCA(SHAPE, 3).double()
    program.fit_em(x, iterations=3, tolerance=-1.0, warm_start=warm_start)
    torch.testing.assert_close(program.state_dict(), ppca.state_dict())


def test_a_new_start_of_em_is_mean_imputation_and_forgets_the_present_parameters(x):
    observed = random_mask(*x.shape)
    mean = (x * observed).sum(0) / observed.sum(0)
    imputed = PPCA.from_images(x.where(observed, mean), 2)
    program = PPCA(SHAPE, 2).double()
    for _ in range(2):
        (start,) = program.fit_em(x.where(observed, torch.nan), observed, iterations=0)
        assert start == pytest.approx(imputed.log_likelihood(x, observed).mean().item())
        torch.testing.assert_close(program.state_dict(), imputed.state_dict())
        program.fit_em(x, observed, iterations=5)


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
def test_em_never_lowers_the_likelihood_and_ends_at_a_stationary_point(x, share, warm_start):
    observed = random_mask(*x.shape, share=share)
    program = PPCA(SHAPE, 2).double()
    options = {"batch_size": 70, "warm_start": warm_start}
    history = program.fit_em(x, observed, iterations=3000, tolerance=1e-9, **options)
    steps = torch.tensor(history).diff()
    assert (steps > -1e-10).all()
    likelihood = program.log_likelihood(x, observed).mean()
    assert likelihood.item() == pytest.approx(history[-1], abs=1e-10)
    likelihood.backward()
    for parameter in (program.loadings, program.mean, program.log_scale):
        assert parameter.grad.abs().max() < 0.01


def test_em_beats_mean_imputation_where_30_percent_are_missing(digits):
    train, test = digits
    observed = random_mask(*train.shape)
    mean = (train * observed).sum(0) / observed.sum(0)
    imputed = PPCA.from_images(train.where(observed, mean), 10)
    by_em = PPCA((1, 8, 8), 10).to(train)
    by_em.fit_em(train.where(observed, torch.nan), observed, iterations=100, tolerance=0.01)
    found, baseline = (p.log_likelihood(test).mean() for p in (by_em, imputed))
    complete = PPCA.from_images(train, 10).log_likelihood(test).mean()
    assert found < complete
    assert complete - found < 0.5 * (complete - baseline)


def test_an_image_that_is_missing_as_a_whole_changes_nothing(x):
    observed = random_mask(*x.shape)
    nothing = torch.zeros(1, *SHAPE, dtype=torch.bool)
    programs = [PPCA(SHAPE, 2).double() for _ in range(2)]
    programs[1].load_state_dict(programs[0].state_dict())
    programs[0].fit_em(x, observed, iterations=5)
    more = torch.cat([x, torch.full_like(x[:1], torch.nan)])
    programs[1].fit_em(more, torch.cat([observed, nothing]), iterations=5)
    torch.testing.assert_close(programs[0].state_dict(), programs[1].state_dict())
    assert programs[1].log_likelihood(more[-1:], nothing).item() == 0
    torch.testing.assert_close(
        programs[1].complete(more[-1:], nothing, mean=True)[0], programs[1].mean
    )


def test_a_pixel_that_no_image_observes_gets_no_loadings_and_keeps_its_mean(x):
    observed = random_mask(*x.shape)
    observed[:, 0, 1, 1] = False
    program = PPCA(SHAPE, 2).double()
    program.fit_em(x.where(observed, torch.nan), observed, iterations=50)
    assert (program.loadings[:, 0, 1, 1] == 0).all()
    assert program.mean[0, 1, 1] == 0
    assert all(parameter.isfinite().all() for parameter in program.parameters())


# odd data with a right answer


def test_constant_pixels_get_no_loadings_and_take_part_in_the_noise(x):
    x[:, 0, 0, 0] = 0.25
    ppca = PPCA.from_images(x, 3)
    assert ppca.loadings[:, 0, 0, 0].abs().max() < 1e-8
    assert ppca.mean[0, 0, 0].item() == pytest.approx(0.25)
    _, mean, covariance = dense(ppca)
    expected = MultivariateNormal(mean, covariance).log_prob(x.flatten(1))
    torch.testing.assert_close(ppca.log_likelihood(x), expected)
    program = PPCA(SHAPE, 3).double()
    program.fit_em(x, iterations=2000, tolerance=1e-8, warm_start=True)
    best = ppca.log_likelihood(x).mean()
    torch.testing.assert_close(program.log_likelihood(x).mean(), best, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n", [8, 300])
def test_repeated_images_count_as_often_as_they_occur(n):
    x = images_of(n)
    once, twice = (PPCA.from_images(images, 3) for images in (x, x.repeat(2, 1, 1, 1)))
    torch.testing.assert_close(dense(once)[1:], dense(twice)[1:])


@pytest.mark.parametrize("n", [6, 40])
def test_no_more_dimensions_than_the_rank_of_the_images_less_one(n):
    x = images_of(5).repeat(8, 1, 1, 1)[:n]
    ppca = PPCA.from_images(x, latent=3)
    assert all(parameter.isfinite().all() for parameter in ppca.parameters())
    for randomised in (False, True):
        with pytest.raises(ValueError, match=r"latent is 4, but the .* no more than 4 axes"):
            PPCA.from_images(x, 4, randomised=randomised)


@pytest.mark.parametrize("n", [1, 2, 5, 50])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_images_are_refused(n, dtype):
    x = torch.rand(1, *SHAPE, dtype=dtype).expand(n, *SHAPE)
    with pytest.raises(ValueError, match="no more than 0 axes"):
        PPCA.from_images(x, 1)
    with pytest.raises(ValueError, match="no more than 0 axes"):
        PPCA(SHAPE, 1).to(dtype).fit_em(x)
    with pytest.raises(ValueError, match="the noise variance runs to 0"):
        PPCA(SHAPE, 1).to(dtype).fit_em(x, warm_start=True)


@pytest.mark.parametrize("share", [0.6, 1.0])
def test_em_with_more_dimensions_than_images_says_so(share):
    x = images_of(4)
    observed = random_mask(*x.shape, share=share)
    program = PPCA(SHAPE, 8).double()
    with pytest.raises(ValueError, match="the noise variance runs to 0: 8 latent"):
        program.fit_em(x, observed, iterations=100_000, tolerance=1e-12, warm_start=True)
    assert all(parameter.isfinite().all() for parameter in program.parameters())
    with pytest.raises(ValueError, match="latent is 8, but the images vary along no more than 3"):
        program.fit_em(x, observed)


# bad input


@pytest.mark.parametrize("latent", [-1, 0, PIXELS, 100])
def test_dimensions_that_cannot_be(latent):
    with pytest.raises(ValueError, match=f"latent is {latent}; expected .* fewer than the 12 pix"):
        PPCA(SHAPE, latent)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("n", [5, 300])
@pytest.mark.parametrize("randomised", [False, True])
def test_values_that_are_not_finite(value, n, randomised):
    x = images_of(n)
    x[3, 0, 1, 2] = value
    with pytest.raises(ValueError, match="NaN or infinite values, first in image 3"):
        PPCA.from_images(x, 2, randomised=randomised)
    with pytest.raises(ValueError, match="NaN or infinite values, first in image 3"):
        PPCA(SHAPE, 2).double().fit_em(x)


def test_images_of_another_form(x, ppca):
    levels = torch.randint(0, 256, (20, *SHAPE), dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"images are torch.uint8; expected .* images / 255"):
        PPCA.from_images(levels, 2)
    with pytest.raises(ValueError, match=r"shape \(200, 12\); expected \(batch, channel"):
        PPCA.from_images(x.flatten(1), 2)
    with pytest.raises(ValueError, match="with one or more images"):
        PPCA.from_images(x[:0], 2)
    for method in (ppca.posterior, ppca.log_likelihood, ppca.fit_em):
        for wrong in (x.flatten(1), x[:, :, :2], x[0]):
            with pytest.raises(ValueError, match=r"x has the shape .* = \(1, 3, 4\)"):
                method(wrong)
        with pytest.raises(ValueError, match=r"x is torch.uint8; expected .* images / 255"):
            method(levels)


def test_masks_of_another_form(x, ppca):
    every = torch.ones(x.shape, dtype=torch.bool)
    for wrong, problem in {
        every.int(): "observed is of type torch.int32; expected booleans",
        every.flatten(1): r"observed has the shape \(200, 12\)",
        every[:9]: r"observed has the shape \(9, 1, 3, 4\)",
    }.items():
        for method in (ppca.posterior, ppca.complete, ppca.fit_em):
            with pytest.raises(ValueError, match=problem):
                method(x, wrong)
    with pytest.raises(ValueError, match="observed is False everywhere"):
        ppca.fit_em(x, ~every)
