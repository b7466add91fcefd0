from django.http import JsonResponse

from shop.models import Product


def one(_request):
    """One SELECT."""
    return JsonResponse({"names": [Product.objects.get(pk=1).name]})


def ten(_request):
    """Ten SELECTs."""
    names = [Product.objects.get(pk=n).name for n in range(1, 11)]
    return JsonResponse({"names": names})
